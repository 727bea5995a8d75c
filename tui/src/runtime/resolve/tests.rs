use std::cell::Cell;
use std::rc::Rc;

use super::*;

/// Answers with the address itself, and counts the questions.
struct Echo(Rc<Cell<usize>>);

impl Lookup for Echo {
    fn name(&self, address: IpAddr) -> BoxFuture<'static, Option<String>> {
        self.0.set(self.0.get() + 1);
        std::future::ready(Some(format!("host-{address}"))).boxed()
    }
}

#[tokio::test]
async fn all_are_asked_for_a_few_at_a_time() {
    let asked = Rc::new(Cell::new(0));
    let mut questions = Questions::new(Echo(Rc::clone(&asked)));
    let addresses: Vec<IpAddr> = (0..40).map(|host| [10, 0, 0, host].into()).collect();
    questions.ask(addresses.clone());
    assert_eq!(asked.get(), AT_ONCE);
    let mut answers = Vec::new();
    for _ in &addresses {
        answers.push(questions.answer().await);
    }
    answers.sort();
    assert_eq!(answers.len(), 40);
    assert_eq!(answers[7], (addresses[7], Some("host-10.0.0.7".to_owned())));
    assert!(questions.answer().now_or_never().is_none());
}
