//! Dropping packets by rule: exactly those, for as long as it was asked for, and
//! whatever happens to nkview meanwhile.

mod blocking;
mod ending;
mod journal;
mod judging;
mod screen;
mod traffic;

use crate::Test;

pub fn tests() -> Vec<Test> {
    let mut tests = judging::tests();
    tests.extend(traffic::tests());
    tests.extend(ending::tests());
    tests.extend(journal::tests());
    tests.extend(screen::tests());
    tests
}
