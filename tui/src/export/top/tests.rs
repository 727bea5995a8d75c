use super::*;
use crate::synthetic::{Synthetic, session};

fn tables(rows: usize, remaining: Option<u64>, seconds: usize) -> String {
    let mut output = Vec::new();
    let selection = Selection {
        remaining,
        ..Selection::default()
    };
    let mut sink = Top::new(&session(), &mut output, selection, TimeZone::UTC, rows);
    for event in Synthetic::new(1, 50).story(seconds) {
        sink.event(&event).unwrap();
    }
    sink.finish().unwrap();
    assert_eq!(sink.is_complete(), remaining.is_some());
    drop(sink);
    String::from_utf8(output).unwrap()
}

#[test]
fn each_interval_has_a_table_of_the_busiest() {
    let text = tables(3, None, 2);
    let parts: Vec<Vec<&str>> = text
        .trim_end()
        .split("\n\n")
        .map(|table| table.lines().collect())
        .collect();
    assert_eq!(parts.len(), 2, "{text}");
    for lines in parts {
        assert_eq!(lines.len(), 5, "{text}");
        assert!(lines[0].contains(" node-3: "), "{}", lines[0]);
        assert!(lines[1].starts_with("DEVICE "), "{}", lines[1]);
        let bytes = |line: &str| -> u64 {
            let cells: Vec<_> = line.split_whitespace().collect();
            let numbers = cells[cells.len() - 2..].iter();
            numbers
                .map(|cell| cell.replace(',', "").parse::<u64>().unwrap())
                .sum()
        };
        let order: Vec<_> = lines[2..].iter().map(|line| bytes(line)).collect();
        assert!(order.is_sorted_by(|a, b| a >= b), "{order:?}");
    }
}

#[test]
fn a_count_is_of_tables() {
    let text = tables(1, Some(2), 5);
    assert_eq!(text.matches("DEVICE").count(), 2, "{text}");
}
