use super::{Kernel, Kernels, is_inherited};

#[test]
fn kernels_are_named_by_their_series() {
    for kernel in Kernel::ALL {
        let kernels: Kernels = kernel.series().parse().unwrap();
        assert_eq!(kernels.0, [kernel]);
    }
    let all: Kernels = "all".parse().unwrap();
    assert_eq!(all.0, Kernel::ALL);
    for unknown in ["", "6.1.0", "5.15"] {
        let error = unknown.parse::<Kernels>().err().unwrap();
        assert_eq!(error, "there are 6.12, 6.1, 6.18, 7.3 and all");
    }
}

#[test]
fn the_project_s_variables_are_inherited_and_the_session_s_are_not() {
    for name in [
        "CARGO_MANIFEST_DIR",
        "NKVIEW_CACHE",
        "RUST_BACKTRACE",
        "TERM",
    ] {
        assert!(is_inherited(name.as_ref()), "{name}");
    }
    for name in [
        "SSH_AUTH_SOCK",
        "PATH",
        "LD_LIBRARY_PATH",
        "TERMINFO",
        "CITY",
    ] {
        assert!(!is_inherited(name.as_ref()), "{name}");
    }
}
