//! The demo's namespaces, which have no names, as hosts.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, ensure};

/// What the hosts are called: the world around the container, and the container.
pub const NAMES: [&str; 2] = ["edge", "web-1"];

/// The command of the shell that reaches them, for `nkview ssh --via`.
///
/// # Errors
/// The demo's process cannot be looked at, or has not two namespaces.
pub fn via(demo: u32) -> anyhow::Result<String> {
    let namespace = |task: &PathBuf| fs::read_link(task.join("ns/net")).ok();
    let own = PathBuf::from(format!("/proc/{demo}"));
    let tasks = fs::read_dir(own.join("task"))
        .with_context(|| format!("cannot look at the tasks of process {demo}"))?;
    let mut tasks = tasks.filter_map(|task| Some(task.ok()?.path()));
    let outside = namespace(&own);
    ensure!(outside.is_some(), "process {demo} has ended");
    let container = tasks
        .find(|task| namespace(task) != outside)
        .context("the demo has no container")?;
    let [edge, web] = NAMES;
    Ok(format!(
        "case {{}} in {edge}) at={};; {web}) at={};; esac; nsenter --net=$at/ns/net",
        own.display(),
        container.display(),
    ))
}
