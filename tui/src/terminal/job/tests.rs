use super::*;

/// Processes with their parent, group and session.
fn is_controlled_among(processes: &[(u32, [u32; 3])]) -> bool {
    let read = |process: u32| {
        let &(_, [parent, group, session]) = processes.iter().find(|it| it.0 == process)?;
        Some(Process {
            name: "a".to_owned(),
            parent,
            group,
            session,
            started: 0,
        })
    };
    is_controlled(&read(processes[0].0).unwrap(), read)
}

#[test]
fn a_shell_in_the_session_can_continue_a_job() {
    let shell = (10, [1, 10, 10]);
    assert!(is_controlled_among(&[(20, [10, 20, 10]), shell]));
    let sudo = (19, [10, 19, 10]);
    assert!(is_controlled_among(&[(20, [19, 19, 10]), sudo, shell]));
}

#[test]
fn nobody_can_where_it_leads_the_session_or_shares_the_group_of_its_leader() {
    let sshd = (9, [1, 9, 9]);
    assert!(!is_controlled_among(&[(20, [9, 20, 20]), sshd]));
    let script = (10, [9, 10, 10]);
    assert!(!is_controlled_among(&[(20, [10, 10, 10]), script, sshd]));
    // The init of a PID namespace has no parent in it.
    assert!(!is_controlled_among(&[(1, [0, 1, 1])]));
}
