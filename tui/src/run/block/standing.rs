//! The rules of all nkviews of this machine: listing and lifting them.

use std::io::{self, Write};

use anyhow::{Context, bail};

use super::progress;
use crate::cli::Lift;
use crate::probe::block::{Owner, Standing, elsewhere, journal};
use crate::run::in_locale;
use crate::text::{clean, duration, plural};

pub fn list() -> io::Result<()> {
    let rules = elsewhere::find().map_err(io::Error::other)?;
    let mut text = String::new();
    if rules.is_empty() {
        text.push_str("nothing is blocked by nkview on this machine\n");
    }
    for rule in rules {
        let state = match rule.standing {
            Standing::Holds(left) => format!("{} left", duration(left)),
            Standing::Over => "over".to_owned(),
            Standing::Lifted => "lifted".to_owned(),
        };
        let [inward, outward] = rule.dropped.map(|it| plural(it.packets, "packet"));
        text += &format!(
            "{}  {}\n    {state}; on {}; dropped: {inward} in, {outward} out; \
             process {}, user {}\n",
            rule.number,
            clean(&rule.rule),
            plural(rule.hooks as u64, "hook"),
            rule.pid,
            rule.uid
        );
    }
    io::stdout().lock().write_all(in_locale(&text).as_bytes())
}

pub fn lift(what: Lift) -> anyhow::Result<()> {
    let rules = elsewhere::find()?;
    let meant: Vec<_> = rules
        .into_iter()
        .filter(|rule| matches!(rule.standing, Standing::Holds(_)))
        .filter(|rule| match what {
            Lift::All => true,
            Lift::Number(number) => rule.number == number,
        })
        .collect();
    if let (Lift::Number(number), true) = (what, meant.is_empty()) {
        bail!("there is no rule {number}; `nkview block --list` shows those there are");
    }
    for rule in meant {
        elsewhere::lift(rule.number)
            .with_context(|| format!("cannot lift rule {}", rule.number))?;
        let text = format!("lifted {}: {}", rule.number, rule.rule);
        let owner = Owner::this();
        journal::write(&format!(
            "{text}; by {owner}, and it was of user {}, process {}",
            rule.uid, rule.pid
        ));
        let (number, user) = (rule.number, owner.uid);
        tracing::info!(number, user, "lifted a rule of another process");
        progress(&text);
    }
    Ok(())
}
