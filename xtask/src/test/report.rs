//! What the layers of the tests came to.

use std::{fmt::Write, time::Duration};

use super::libtest::{Count, Ran};

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
    Ran(Ran),
    /// This machine cannot run it, for this reason.
    Unable(String),
    /// It ought to have run, but this went wrong.
    Broken(String),
}

impl Layer {
    /// A layer that did not run counts as one test: failed if it is broken,
    /// skipped if it cannot run here, unless all must run.
    fn count(&self, strict: bool) -> Count {
        match &self.outcome {
            Outcome::Ran(ran) => ran.count,
            Outcome::Unable(_) if !strict => Count {
                skipped: 1,
                ..Count::default()
            },
            Outcome::Unable(_) | Outcome::Broken(_) => Count {
                failed: 1,
                ..Count::default()
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

/// A line a layer, and why layers and tests that did not run did not.
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
        match &layer.outcome {
            Outcome::Ran(ran) => {
                for (reason, number) in &ran.reasons {
                    let _ = write!(table, "\n{:width$}  {number} skipped: {reason}", "");
                }
            }
            Outcome::Unable(why) => {
                let _ = write!(table, "  cannot run: {}", why.trim());
            }
            Outcome::Broken(why) => {
                let _ = write!(table, "  broken: {}", why.trim());
            }
        }
        table.push('\n');
    }
    table
}
