use std::{ffi::OsString, os::unix::ffi::OsStringExt};

use super::{Size, Spec};

#[test]
fn a_spec_survives_its_bytes() {
    let spec = Spec {
        command: vec![
            "sh".into(),
            "-c".into(),
            String::new().into(),
            "echo 'a b' \"c\"\n=".into(),
            OsString::from_vec(vec![0xff, 0xfe]),
        ],
        environment: vec![
            ("PATH".into(), "/bin:/usr/bin".into()),
            ("EMPTY".into(), String::new().into()),
            ("EQUALS".into(), "a=b=c".into()),
        ],
        directory: "/a directory".into(),
        terminal: Some(Size {
            columns: 120,
            rows: 40,
        }),
        modules: "/cache/lib/modules".into(),
        modprobe: "/cache/bin/modprobe".into(),
    };
    assert_eq!(Spec::decode(&spec.encode()), Ok(spec));
}

#[test]
fn a_spec_without_a_terminal_has_none() {
    let spec = Spec::default();
    assert_eq!(Spec::decode(&spec.encode()), Ok(spec));
}

#[test]
fn an_unknown_field_is_refused() {
    assert!(Spec::decode(b"ctrue\0x1\0").is_err());
}

#[test]
fn a_size_is_two_positive_numbers() {
    let size = Size {
        columns: 80,
        rows: 24,
    };
    assert_eq!("80x24".parse(), Ok(size));
    assert_eq!(size.to_string(), "80x24");
    for text in [
        "80", "80x", "x24", "0x24", "80x0", "-1x24", "80x24x1", "70000x1",
    ] {
        assert!(text.parse::<Size>().is_err(), "{text}");
    }
}
