//! Every test there is, layer by layer, and a count of what ran.

use std::{
    env,
    ffi::OsString,
    iter,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context;
use cargo_metadata::{MetadataCommand, TargetKind};

use crate::{
    apt, fuzz, process,
    program::Program,
    project,
    store::Store,
    tools::{Set, Tool, Tools},
    vm::{self, Kernel},
};

mod libtest;
mod report;

use libtest::{Count, Ran};
use report::{Layer, Outcome};

/// The test program that needs root, as it sends real packets through hooks in
/// the kernel. It has layers of its own: here and under other kernels.
const KERNEL_TESTS: &str = "kernel";

/// The name of their first layer.
const HERE: &str = "kernel, this machine's";

/// What the kernel tests call, and the Debian packages that have it.
const TOOLS: [(&str, &str); 9] = [
    ("capinfos", "wireshark-common"),
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("ping", "iputils-ping"),
    ("setpriv", "util-linux"),
    ("setsid", "util-linux"),
    ("timeout", "coreutils"),
    ("tshark", "tshark"),
    ("unshare", "util-linux"),
];

/// Programs of others that the kernel tests hold nkview against. Most of them are in
/// packages with a daemon, which apt would start.
const FOREIGN: Set = Set {
    what: "nfdump, OpenSSH and promtool for the kernel tests (50 MB)",
    packages: &["nfdump", "openssh-client", "openssh-server", "promtool"],
    tools: &[
        Tool::new("bin/nfcapd"),
        Tool::new("bin/nfdump"),
        Tool::new("bin/promtool"),
        Tool::new("bin/ssh"),
        Tool::new("bin/ssh-keygen"),
        Tool::with(
            "sbin/sshd",
            "-o SshdSessionPath=$scripts/sshd-session -o SshdAuthPath=$scripts/sshd-auth",
        ),
        Tool::new("lib/openssh/sshd-auth"),
        Tool::new("lib/openssh/sshd-session"),
    ],
};

/// What the kernel tests call programs of others, all of which are there then.
const FOREIGN_NEEDS: &str = "nfdump,promtool,sshd,tshark";

/// Names what is there, so that tests of it must not be ignored.
const REQUIRED: &str = "NKVIEW_REQUIRE";

/// The oldest and the newest kernel that have all that the kernel tests need.
const KERNELS: [Kernel; 2] = [Kernel::V6_12, Kernel::V7_3];

/// The oldest kernel that Debian supports, which has neither netkit nor tcx, and the
/// tests that show that its verifier takes the programs and that they count.
const OLD: (Kernel, &str) = (Kernel::V6_1, "counting::");

/// How long each fuzz target is tried.
const FUZZING: Duration = Duration::from_secs(20);

/// After this time the tests under an emulated kernel hang.
const PATIENCE: Duration = Duration::from_secs(1800);

/// The options of `cargo xtask test`.
#[derive(clap::Args)]
pub struct Args {
    /// Fail where a layer of the tests cannot run, instead of skipping it
    #[arg(long)]
    strict: bool,

    /// Run the tests on real packets alone, on this machine's kernel; with FILTER those
    /// of them whose names contain it
    #[arg(long, value_name = "FILTER", num_args = 0..=1, default_missing_value = "")]
    here: Option<String>,
}

/// Runs all layers, shows their output as it comes, and ends with their sums.
/// The exit code shows whether a test failed.
pub fn run(args: &Args) -> ExitCode {
    if let Some(filter) = &args.here {
        let layer = layer(HERE, || here(&kernel_tests()?, filter, args.strict));
        return conclude(&[layer], args.strict);
    }
    let mut layers = vec![layer("workspace", workspace)];
    layers.push(layer("fuzz targets", fuzz_targets));
    match kernel_tests() {
        Ok(tests) => {
            layers.push(layer(HERE, || here(&tests, "", args.strict)));
            layers.extend(KERNELS.map(|kernel| kernel_layer(kernel, &tests, None)));
            let (kernel, filter) = OLD;
            layers.push(kernel_layer(kernel, &tests, Some(filter)));
        }
        Err(error) => layers.push(layer("kernel", || Err(error))),
    }
    conclude(&layers, args.strict)
}

/// Runs the kernel tests under other kernels, all of which must be there.
pub fn run_under(kernels: &[Kernel]) -> ExitCode {
    let layers: Vec<_> = match kernel_tests() {
        Ok(tests) => kernels
            .iter()
            .map(|&kernel| kernel_layer(kernel, &tests, None))
            .collect(),
        Err(error) => vec![layer("kernel", || Err(error))],
    };
    conclude(&layers, true)
}

fn conclude(layers: &[Layer], strict: bool) -> ExitCode {
    print!("{}", report::table(layers, strict));
    let sum = report::sum(layers, strict);
    println!("{sum}");
    if sum.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn kernel_layer(kernel: Kernel, tests: &Program, filter: Option<&str>) -> Layer {
    let name = format!("kernel {}", kernel.series());
    layer(&name, || under(kernel, tests, filter))
}

fn layer(name: &str, run: impl FnOnce() -> anyhow::Result<Outcome>) -> Layer {
    println!("── {name}");
    let start = Instant::now();
    let outcome = run().unwrap_or_else(|error| Outcome::Broken(format!("{error:#}")));
    Layer {
        name: name.into(),
        outcome,
        took: start.elapsed(),
    }
}

/// All test programs that any user can run.
fn workspace() -> anyhow::Result<Outcome> {
    let metadata = MetadataCommand::new()
        .current_dir(project::root())
        .no_deps()
        .exec()
        .context("reading the workspace")?;
    let targets = metadata
        .packages
        .iter()
        .flat_map(|package| &package.targets);
    let tests = targets
        .filter(|target| target.is_kind(TargetKind::Test) && target.name != KERNEL_TESTS)
        .flat_map(|target| ["--test", &target.name]);
    let all = ["test", "--workspace", "--no-fail-fast", "--lib", "--bins"];
    libtest::run(process::cargo(&all).args(tests)).map(Outcome::Ran)
}

/// The fuzz targets, each for a while and each a test.
fn fuzz_targets() -> anyhow::Result<Outcome> {
    if let Err(error) = fuzz::prepare() {
        return Ok(Outcome::Unable(format!("{error:#}")));
    }
    let mut count = Count::default();
    for target in fuzz::build()? {
        match fuzz::try_for(&target, FUZZING) {
            Ok(()) => count.passed += 1,
            Err(error) => {
                eprintln!("{error:#}");
                count.failed += 1;
            }
        }
    }
    Ok(Outcome::Ran(Ran {
        count,
        ..Ran::default()
    }))
}

/// Compiles the kernel tests. With the features of the whole workspace, so that
/// what the other tests were compiled with still fits.
fn kernel_tests() -> anyhow::Result<Program> {
    let arguments = ["test", "--workspace", "--no-run", "--test", KERNEL_TESTS];
    Program::build_one(&arguments, KERNEL_TESTS)
}

/// The kernel tests on this machine's kernel, whose names contain `filter`.
fn here(tests: &Program, filter: &str, strict: bool) -> anyhow::Result<Outcome> {
    let ready = install_tools()
        .and_then(|()| foreign_path(strict))
        .and_then(|path| match path {
            Some(path) => tests.as_root_with(&[
                ("PATH", path.as_os_str()),
                (REQUIRED, FOREIGN_NEEDS.as_ref()),
            ]),
            None => tests.as_root(),
        });
    match ready {
        Ok(mut command) => {
            let package = project::root().join("tui");
            libtest::run(command.arg(filter).current_dir(package)).map(Outcome::Ran)
        }
        Err(error) => Ok(Outcome::Unable(format!("{error:#}"))),
    }
}

/// The path with the programs of others before the installed ones. Where they cannot be
/// fetched there is none, and the tests that need them are ignored; `strict` makes that
/// an error.
fn foreign_path(strict: bool) -> anyhow::Result<Option<OsString>> {
    let tools = Store::open("test").and_then(|store| Tools::prepare(&store, &FOREIGN));
    let tools = match tools {
        Ok(tools) => tools,
        Err(error) if strict => return Err(error),
        Err(error) => {
            eprintln!("Programs of others are missing: {error:#}");
            return Ok(None);
        }
    };
    let installed = env::var_os("PATH").unwrap_or_default();
    let directories = iter::once(tools.scripts()).chain(env::split_paths(&installed));
    let path = env::join_paths(directories).context("PATH has an impossible directory")?;
    Ok(Some(path))
}

fn install_tools() -> anyhow::Result<()> {
    let missing: Vec<_> = TOOLS
        .iter()
        .filter(|(tool, _)| !process::is_installed(tool))
        .map(|&(_, package)| package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    apt::install(&missing, "the kernel tests")
}

/// The kernel tests under another kernel, in a virtual machine; or those of them whose
/// names have a part in common.
fn under(kernel: Kernel, tests: &Program, filter: Option<&str>) -> anyhow::Result<Outcome> {
    if let Err(error) = vm::prepare(kernel) {
        return Ok(Outcome::Unable(format!("{error:#}")));
    }
    let mut command: Vec<OsString> = vec![
        "env".into(),
        "--chdir".into(),
        project::root().join("tui").into(),
        tests.path.clone().into(),
    ];
    command.extend(filter.map(Into::into));
    let environment = [(REQUIRED.into(), kernel.required().into())];
    let ended = vm::run_command(kernel, &command, &environment, Some(PATIENCE))?;
    let said = String::from_utf8_lossy(&ended.stdout);
    Ok(Outcome::Ran(Ran::of(&said, ended.status == 0)))
}
