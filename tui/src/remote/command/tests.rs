use super::*;

fn access(via: Option<&str>) -> Access {
    Access {
        via: via.map(str::to_owned),
        nkview: None,
        program: None,
        args: vec!["lxc*".to_owned(), "--uplink".to_owned()],
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn ssh_asks_nothing_and_takes_one_command() {
    let hosts = access(None).hosts(&names(&["root@n1"])).unwrap();
    assert_eq!((hosts[0].name.as_str(), hosts[0].program), ("n1", "ssh"));
    let args = &hosts[0].args;
    assert!(args.contains(&"BatchMode=yes".to_owned()));
    let last = "sudo -n nkview stream --wire --until-eof --no-create 'lxc*' --uplink";
    assert_eq!(args[args.len() - 3..], ["--", "root@n1", last]);
}

#[test]
fn any_command_may_lead_to_a_host() {
    let hosts = access(Some("ip netns exec {}")).hosts(&names(&["a b", "c"]));
    let lines: Vec<_> = hosts.unwrap().into_iter().map(|it| it.args).collect();
    let rest = "nkview stream --wire --until-eof --no-create 'lxc*' --uplink";
    assert_eq!(lines[0], ["-c", &format!("ip netns exec 'a b' {rest}")]);
    assert_eq!(lines[1], ["-c", &format!("ip netns exec c {rest}")]);
}

#[test]
fn what_starts_nkview_can_be_chosen() {
    let access = Access {
        nkview: Some("doas /opt/nkview".to_owned()),
        args: Vec::new(),
        ..access(Some("via {}"))
    };
    let hosts = access.hosts(&names(&["n"])).unwrap();
    let line = "via n doas /opt/nkview stream --wire --until-eof --no-create";
    assert_eq!(hosts[0].args, ["-c", line]);
}

#[test]
fn a_word_stays_one_word_of_the_shell() {
    for word in [
        "", "a b", "it's", "$(id)", "a;b", "*", "\\", "\"", "~", "plain",
    ] {
        let output = Command::new("sh")
            .args(["-c", &format!("printf %s {}", quoted(word))])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
    }
}

#[test]
fn hosts_that_cannot_be_told_apart_are_refused() {
    let refused = |via: Option<&str>, hosts: &[&str]| {
        access(via).hosts(&names(hosts)).unwrap_err().to_string()
    };
    assert!(refused(None, &["a@n", "b@n"]).contains("named twice"));
    assert!(refused(None, &["-oProxyCommand=x"]).contains("no name of a host"));
    assert!(refused(Some("kubectl exec x --"), &["a", "b"]).contains("must contain {}"));
    assert!(
        access(Some("kubectl exec x --"))
            .hosts(&names(&["a"]))
            .is_ok()
    );
}
