use super::*;

fn list(page: usize) -> List<u32> {
    let mut list = List::default();
    list.set_page(page);
    list
}

fn top(list: &List<u32>, page: usize) -> u32 {
    list.visible(page).first().copied().unwrap_or_default()
}

#[test]
fn nothing_is_selected_until_the_user_moves() {
    let rows: Vec<u32> = (0..10).collect();
    let mut list = list(4);
    list.settle(rows.clone());
    assert_eq!(list.selected(), None);
    list.step(Motion::Down);
    assert_eq!(list.selected(), Some(0));
    list.step(Motion::Down);
    assert_eq!(list.selected(), Some(1));
}

#[test]
fn the_selection_follows_its_item_and_keeps_its_line() {
    let mut rows: Vec<u32> = (0..100).collect();
    let mut list = list(10);
    list.settle(rows.clone());
    for _ in 0..4 {
        list.step(Motion::Down);
    }
    assert_eq!((list.selected(), top(&list, 10)), (Some(3), 0));
    rows.swap(3, 50);
    list.settle(rows.clone());
    assert_eq!(list.selected(), Some(3));
    assert_eq!(top(&list, 10), 47, "row 50 in the fourth line");
    rows.swap(3, 50);
    list.settle(rows.clone());
    assert_eq!(top(&list, 10), 0);
}

#[test]
fn an_item_that_went_away_is_not_replaced_behind_the_users_back() {
    let rows: Vec<u32> = (0..10).collect();
    let mut list = list(5);
    list.settle(rows.clone());
    list.select(3);
    let rest: Vec<u32> = rows.iter().copied().filter(|row| *row != 3).collect();
    list.settle(rest.clone());
    assert_eq!(list.selected(), Some(3));
    list.step(Motion::Down);
    assert_eq!(list.selected(), Some(4), "the one that took its place");
}

#[test]
fn pages_and_ends() {
    let rows: Vec<u32> = (0..30).collect();
    let mut list = list(10);
    list.settle(rows.clone());
    list.step(Motion::Last);
    assert_eq!((list.selected(), top(&list, 10)), (Some(29), 20));
    list.step(Motion::PageUp);
    assert_eq!(list.selected(), Some(20));
    list.step(Motion::PageUp);
    assert_eq!((list.selected(), top(&list, 10)), (Some(11), 11));
    list.step(Motion::First);
    assert_eq!((list.selected(), top(&list, 10)), (Some(0), 0));
    list.step(Motion::PageDown);
    assert_eq!(list.selected(), Some(9));
}

#[test]
fn scrolling_leaves_the_selection_and_stops_at_the_ends() {
    let rows: Vec<u32> = (0..30).collect();
    let mut list = list(10);
    list.settle(rows.clone());
    list.select(2);
    list.scroll(15);
    assert_eq!((list.selected(), top(&list, 10)), (Some(2), 15));
    list.settle(rows.clone());
    assert_eq!(top(&list, 10), 15, "what is out of sight does not pull");
    list.scroll(100);
    assert_eq!(top(&list, 10), 20);
    list.scroll(-100);
    assert_eq!(top(&list, 10), 0);
}

#[test]
fn a_smaller_screen_keeps_the_selection_in_sight() {
    let rows: Vec<u32> = (0..30).collect();
    let mut list = list(20);
    list.settle(rows.clone());
    list.select(15);
    list.set_page(5);
    assert!((top(&list, 5)..top(&list, 5) + 5).contains(&15));
    list.settle(Vec::new());
    assert_eq!(top(&list, 5), 0);
}

#[test]
fn a_search_goes_round() {
    let mut list = List::default();
    assert!(!list.find(Find::Here, |_: i32| true));
    list.settle(vec![1, 2, 3, 4, 5]);
    let odd = |row: i32| row % 2 == 1;
    let mut found = Vec::new();
    for from in [
        Find::Here,
        Find::Here,
        Find::Next,
        Find::Next,
        Find::Next,
        Find::Previous,
    ] {
        assert!(list.find(from, odd));
        found.extend(list.selected());
    }
    assert_eq!(found, [1, 1, 3, 5, 1, 5]);
    assert!(!list.find(Find::Next, |row| row > 5));
    assert_eq!(list.selected(), Some(5));
}
