//! Metrics as promtool reads them, which is Prometheus' own.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::process::{Command, Stdio};

use super::{Server, value};
use crate::lab::{End, Family, Lab, Layout};
use crate::{traffic, wait};

pub fn accepts_it(layout: Layout) {
    let lab = Lab::up(layout);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("nkview.prom");
    let path = file.display().to_string();
    let server = Server::start(&lab, &["--top", "3", "--textfile", &path]);
    let (_, quiet) = server.get("/metrics");
    assert_eq!(finding(&quiet, "tcp-refused"), Some(0), "{quiet}");
    check(&quiet);

    // Nobody listens there.
    let address = lab.address(End::Far, End::Near, Family::V4, 7);
    lab.namespace(End::Near).enter(|| {
        for _ in 0..5 {
            TcpStream::connect(address).unwrap_err();
        }
    });
    let line = "nkview_top_flow_bytes_per_second{";
    let metrics = wait::until("there are a finding and a busy flow", || {
        traffic::ping(&lab, End::Near, Family::V4, 1);
        let (_, metrics) = server.get("/metrics");
        let has = finding(&metrics, "tcp-refused")? > 0 && metrics.contains(line);
        has.then_some(metrics)
    });
    check(&metrics);
    let text = wait::until("the text file has the device", || {
        let text = fs::read_to_string(&file).ok()?;
        value(&text, "nkview_device_packets_total", "in")?;
        Some(text)
    });
    check(&text);
    server.end();
}

/// How many findings of this kind there are.
fn finding(metrics: &str, kind: &str) -> Option<u64> {
    let series = format!("nkview_findings{{kind=\"{kind}\",severity=\"error\"}} ");
    let mut values = metrics.lines().filter_map(|it| it.strip_prefix(&series));
    values.next()?.parse().ok()
}

/// Fails where promtool cannot read these, or advises something.
fn check(metrics: &str) {
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped());
    let pipes = promtool.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(metrics.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}\n{metrics}");
}
