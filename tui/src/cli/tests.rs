use std::time::Duration;

use super::values::filter;
use super::*;
use crate::filter::NamedFilters;

fn parse(line: &str) -> Result<Cli, String> {
    Cli::try_parse_from(line.split(' ')).map_err(|error| error.to_string())
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn devices_and_commands_are_told_apart() {
    let cli = parse("nkview lxc* eth0 --interval 0.5").unwrap();
    assert!(cli.command.is_none());
    assert_eq!(cli.watch.devices, ["lxc*", "eth0"]);
    assert_eq!(cli.watch.probe.interval, Duration::from_millis(500));
    let cli = parse("nkview stream --json --duration 3 lab0").unwrap();
    let Some(Command::Stream(args)) = cli.command else {
        panic!("it is a stream");
    };
    assert_eq!(args.devices, ["lab0"]);
    assert_eq!(args.output.duration, Some(Duration::from_secs(3)));
}

#[test]
fn a_mistyped_command_is_recognized_and_a_device_is_not() {
    for (word, command) in [
        ("devces", Some("devices")),
        ("device", Some("devices")),
        ("steam", Some("stream")),
        ("dignose", Some("diagnose")),
        ("eth0", None),
        ("docker0", None),
        ("lxcbr0", None),
        ("wlp2s0", None),
    ] {
        assert_eq!(similar_command(word).as_deref(), command, "{word}");
    }
}

#[test]
fn several_recordings_are_read_together() {
    let cli = parse("nkview stream --from a.nkv b.nkv --text").unwrap();
    let Some(Command::Stream(args)) = cli.command else {
        panic!("it is a stream");
    };
    assert_eq!(args.from, ["a.nkv", "b.nkv"].map(PathBuf::from));
    // Of commands that take something else behind it, too.
    let cli = parse("nkview record --from a.nkv --from b.nkv both.nkv").unwrap();
    let Some(Command::Record(args)) = cli.command else {
        panic!("it is a copy");
    };
    assert_eq!(args.from, ["a.nkv", "b.nkv"].map(PathBuf::from));
    assert_eq!(args.file, PathBuf::from("both.nkv"));
}

#[test]
fn what_cannot_be_meant_is_refused_with_the_reason() {
    for (line, reason) in [
        ("nkview --interval 0", "from 0.1 to 86400"),
        ("nkview --interval NaN", "from 0.1 to 86400"),
        ("nkview --max-flows 0", "not in 1..=16777216"),
        ("nkview --filter 10.0.0.0/33", "/33"),
        ("nkview --no-create --create nk1", "cannot be used with"),
        (
            "nkview --every-packet --events-per-second 3",
            "cannot be used with",
        ),
        ("nkview stream --count 0 lab0", "not in 1.."),
        ("nkview stream --text --top 3 lab0", "cannot be used with"),
        ("nkview stream --pcapng --flows lab0", "cannot be used with"),
        ("nkview stream --wire --top 3 lab0", "cannot be used with"),
        ("nkview stream --wire --flows lab0", "cannot be used with"),
        (
            "nkview stream --wire --filter udp lab0",
            "cannot be used with",
        ),
        ("nkview stream --filter nonsense( lab0", "nonsense"),
        (
            "nkview stream --from a.nkv --no-create",
            "with '--no-create'",
        ),
        ("nkview serve --from a.nkv --uplink", "with '--uplink'"),
    ] {
        let error = parse(line).unwrap_err();
        assert!(error.contains(reason), "{line}: {error}");
    }
}

#[test]
fn a_recording_excludes_what_decides_how_to_watch() {
    let mut cli = Cli::command();
    cli.build();
    let mut commands = 0;
    for command in cli.get_subcommands() {
        let Some(from) = command.get_arguments().find(|it| it.get_id() == "from") else {
            continue;
        };
        commands += 1;
        let conflicts = command.get_arg_conflicts_with(from);
        // The arguments of a struct are a group of its name.
        let groups = command.get_groups().filter(|group| {
            ["ProbeArgs", "EventArgs", "PairArgs"].contains(&group.get_id().as_str())
        });
        for id in groups.flat_map(|group| group.get_args()) {
            assert!(
                conflicts.iter().any(|it| it.get_id() == id),
                "{} --from takes {id}",
                command.get_name()
            );
        }
    }
    assert_eq!(commands, 5);
}

#[test]
fn names_in_a_filter_wait_for_the_configuration() {
    let named = NamedFilters::new([("web".to_owned(), "port 80".to_owned())].into());
    let resolved = |text: &str| {
        let filter = filter(text).map_err(|error| error.to_string())?;
        let filter = filter.resolve(&named).map_err(|error| error.to_string())?;
        Ok::<_, String>(filter.to_string())
    };
    assert_eq!(resolved("tcp and not @web").unwrap(), "tcp and not port 80");
    assert!(resolved("@mail").unwrap_err().contains("@mail"));
    assert!(filter("port 99999").is_err());
}
