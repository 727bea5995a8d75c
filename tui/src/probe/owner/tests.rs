use super::*;

impl Owner {
    /// A process of the same number that started later: it is not this one.
    pub fn after(self) -> Self {
        Self {
            started: self.started + 1,
            ..self
        }
    }

    /// The same in another PID namespace.
    pub fn elsewhere(self) -> Self {
        Self {
            namespace: self.namespace + 1,
            ..self
        }
    }
}

#[test]
fn a_signature_can_be_read_again() {
    let me = Owner::this().unwrap();
    assert_eq!(Owner::parse(&me.sign()), Some(me));
    assert_eq!(Owner::parse("nkview 1 2"), None);
    assert_eq!(Owner::parse("nkview 1 2 3 4"), None);
}

#[test]
fn only_a_process_that_can_be_judged_is_gone() {
    let me = Owner::this().unwrap();
    assert!(!me.is_gone());
    assert!(me.after().is_gone());
    assert!(!me.after().elsewhere().is_gone());
}

/// Also where `/proc` would not tell.
#[test]
fn a_process_exists_whoever_asks() {
    assert!(exists(std::process::id()));
    assert!(exists(1));
    assert!(!exists(u32::MAX));
    assert!(!exists(i32::MAX.unsigned_abs()));
}
