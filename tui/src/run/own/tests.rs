use super::*;

#[test]
fn the_variable_is_found_among_others() {
    let environment = b"HOME=/root\0XSSH_CONNECTION=\0SSH_CONNECTION=::1 1 ::2 22\0A=\xff\0";
    assert_eq!(variable(environment), OwnSession::parse("::1 1 ::2 22"));
    assert_eq!(variable(b"HOME=/root\0SSH_CONNECTION=nonsense\0"), None);
    assert_eq!(variable(b""), None);
}

#[test]
fn the_parent_is_found_whatever_the_process_is_called() {
    assert_eq!(parent("812 (a ) S 9) S 345 812 812 0"), Some(345));
    assert_eq!(parent("812 (a"), None);
}

#[test]
fn this_process_has_the_parent_that_the_kernel_tells() {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    assert_eq!(parent(&stat), Some(std::os::unix::process::parent_id()));
}
