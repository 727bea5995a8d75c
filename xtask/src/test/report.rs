//! What the layers of the tests came to.

use std::{fmt::Write, time::Duration};

use super::libtest::Count;

#[cfg(test)]
mod tests;

/// Tests that ran together.
pub struct Layer {
    pub name: String,
    pub outcome: Outcome,
    pub took: Duration,
}

/// How a layer went.
pub enum Outcome {
    /// Its tests ran.
    Ran(Count),
    /// It could not run, for this reason.
    Unable(String),
}

impl Layer {
    /// A layer that could not run counts as one test: skipped, or failed where
    /// all must run.
    fn count(&self, strict: bool) -> Count {
        match &self.outcome {
            Outcome::Ran(count) => *count,
            Outcome::Unable(_) => Count {
                passed: 0,
                failed: u64::from(strict),
                skipped: u64::from(!strict),
            },
        }
    }
}

/// The sum over all layers; with `strict`, all must run.
pub fn sum(layers: &[Layer], strict: bool) -> Count {
    let mut sum = Count::default();
    for layer in layers {
        sum += layer.count(strict);
    }
    sum
}

/// A line a layer, and why those that could not run could not.
pub fn table(layers: &[Layer], strict: bool) -> String {
    let width = layers
        .iter()
        .map(|layer| layer.name.len())
        .max()
        .unwrap_or_default();
    let mut table = format!(
        "\n{:width$}  {:>7} {:>7} {:>7} {:>8}\n",
        "layer", "passed", "failed", "skipped", "seconds"
    );
    for layer in layers {
        let Count {
            passed,
            failed,
            skipped,
        } = layer.count(strict);
        // Writing to a string does not fail.
        let _ = write!(
            table,
            "{:width$}  {passed:>7} {failed:>7} {skipped:>7} {:>8.1}",
            layer.name,
            layer.took.as_secs_f64()
        );
        if let Outcome::Unable(reason) = &layer.outcome {
            let _ = write!(table, "  did not run: {}", reason.trim());
        }
        table.push('\n');
    }
    table
}
