use super::*;
use crate::app::tab::Tab;
use crate::app::{App, Appearance};
use crate::model::Event;
use crate::synthetic;

fn captured() -> Action {
    let packets = vec![Packet::sample([0; 60]); 50];
    Action::Source(Event::Packets(packets).into())
}

#[test]
fn following_shows_the_newest_and_a_selection_is_left_alone() {
    let mut app = App::new(
        synthetic::session(),
        Appearance::default(),
        Filter::everything(),
    );
    app.update(Action::Show(Tab::Packets));
    app.views.packets.list.set_page(10);
    app.update(captured());
    assert_eq!(app.views.packets.list.visible(10)[0], 40);
    app.update(Action::Select(Item::Packet(45)));
    app.update(captured());
    let list = &app.views.packets.list;
    assert_eq!((list.selected(), list.visible(10)[0]), (Some(45), 40));
}
