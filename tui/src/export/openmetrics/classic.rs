//! The text format that Prometheus had before OpenMetrics (version 0.0.4), which
//! promtool, node_exporter and scrapers that do not ask for another one read.

/// The same metrics. What is said of a counter names its samples here, which end in
/// `_total`, and neither units nor the end are marked.
#[must_use]
pub fn classic(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len() + 1024);
    let mut lines = openmetrics.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("# UNIT ") || line == "# EOF" {
            continue;
        }
        let described = |keyword: &str| line.strip_prefix(keyword)?.split_once(' ');
        if let Some((name, help)) = described("# HELP ") {
            // The type of a metric follows what it is.
            let counter = format!("# TYPE {name} counter");
            let end = match lines.peek() {
                Some(next) if *next == counter => "_total",
                _ => "",
            };
            text += &format!("# HELP {name}{end} {help}\n");
        } else if let Some((name, "counter")) = described("# TYPE ") {
            text += &format!("# TYPE {name}_total counter\n");
        } else {
            text += line;
            text.push('\n');
        }
    }
    text
}
