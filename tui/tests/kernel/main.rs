//! The real binary on real packets and in real terminals, in network namespaces
//! that are thrown away. It needs root and iproute2, ping and setpriv, and fails
//! where they are missing.
//!
//! What not every kernel has, such as netkit, is asked for: a test that needs
//! what is not there is ignored with the reason, but fails where the variable
//! `NKVIEW_REQUIRE` names it (`NKVIEW_REQUIRE=netkit,tcx`).

#![allow(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that fails"
)]

mod block;
mod chain;
mod cleanup;
mod clsact;
mod counting;
mod demo;
mod device;
mod facts;
mod fate;
mod faults;
mod filter;
mod following;
mod foreign;
mod headers;
mod holder;
mod hooks;
mod hosts;
mod input;
mod inventory;
mod lab;
mod layout;
mod loopback;
mod namespace;
mod need;
mod output;
mod own_pair;
mod packets;
mod privileges;
mod program;
mod push_down;
mod recording;
mod report;
mod screen;
mod serve;
mod signals;
mod stack;
mod stalled;
mod stopped;
mod stream;
mod table;
mod traffic;
mod tty;
mod wait;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Trial};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use need::{Need, Required};

/// The tests wait more than they work.
const THREADS: usize = 4;

/// A test, and what it needs.
struct Test {
    name: String,
    needs: Vec<Need>,
    run: Box<dyn FnOnce() + Send>,
}

impl Test {
    fn new(
        name: impl Into<String>,
        needs: impl Into<Vec<Need>>,
        run: impl FnOnce() + Send + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            needs: needs.into(),
            run: Box::new(run),
        }
    }

    fn trial(self, required: Required) -> Trial {
        let Self { name, needs, run } = self;
        Trial::ignorable_test(name, move || {
            let missing = |need: &Need| Some((*need, need.missing()?));
            let missing: Vec<_> = needs.iter().filter_map(missing).collect();
            let wrong = missing.iter().find(|(need, _)| required.has(*need));
            if let Some((_, reason)) = wrong {
                return Err((*reason).into());
            }
            if let Some((_, reason)) = missing.first() {
                return Ok(Completion::ignored_with(*reason));
            }
            run();
            Ok(Completion::Completed)
        })
    }
}

fn main() -> ExitCode {
    if holder::is_one() {
        return ExitCode::SUCCESS;
    }
    let mut arguments = Arguments::from_args();
    // Tests run side by side in one process, and some have many files open.
    let limits = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limits.maximum,
        ..limits
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    arguments.test_threads.get_or_insert(THREADS);
    let required = Required::from_environment();
    let groups = [
        counting::tests(),
        block::tests(),
        chain::tests(),
        cleanup::tests(),
        clsact::tests(),
        demo::tests(),
        facts::tests(),
        fate::tests(),
        faults::tests(),
        following::tests(),
        headers::tests(),
        hooks::tests(),
        input::tests(),
        privileges::tests(),
        push_down::tests(),
        inventory::tests(),
        loopback::tests(),
        output::tests(),
        own_pair::tests(),
        packets::tests(),
        recording::tests(),
        hosts::tests(),
        screen::tests(),
        serve::tests(),
        signals::tests(),
        stalled::tests(),
        stopped::tests(),
        stack::tests(),
        table::tests(),
    ];
    let tests = groups.into_iter().flatten();
    let trials = tests.map(|test| test.trial(required.clone())).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}
