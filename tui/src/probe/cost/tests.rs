use std::time::Duration;

use super::*;

#[test]
fn a_cost_is_that_of_programs_that_were_there_before() {
    let cost = |runs, nanoseconds| Cost {
        runs,
        time: Duration::from_nanos(nanoseconds),
    };
    let last = Readings::from([(1, cost(10, 1_000)), (2, cost(5, 700))]);
    let now = Readings::from([(1, cost(14, 1_400)), (3, cost(100, 9_000))]);
    assert_eq!(since(&last, &now), cost(4, 400));
    assert_eq!(since(&Readings::new(), &now), Cost::default());
}
