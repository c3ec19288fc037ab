//! In which form pictures travel, and that they arrive whatever goes wrong with it.

use super::super::*;
use super::rules::shared;
use super::world::*;
use crate::actors::edges::Contact;
use crate::actors::edges::Desk;
use crate::proto::lease::{AtZero, Change};

/// A grant of one look with this picture's cover.
fn open(world: &mut World, cover: Option<u8>) {
    let contact = Contact {
        name: "bob".to_owned(),
        identity: identity(BOB),
    };
    let mut grant = grant(1, 1, AtZero::KeepCover);
    grant.cover = cover;
    let (desk, number) = (Desk::Sharing, 1);
    let input = Input::OpenGrant {
        ticket: Ticket { desk, number },
        to: contact,
        grant,
        picture: picture(1),
    };
    world.give(ALICE, input);
}

#[test]
fn a_picture_in_a_default_cover_travels_as_its_delta_and_is_the_same_file() {
    let world = shared(2);
    assert_eq!(world.forms, [Form::Delta]);
    assert_eq!(world.received_file(), Some(&picture(1)));
}

#[test]
fn a_borrower_whose_delta_gives_another_picture_asks_for_the_file_and_gets_it() {
    let mut world = World::new(1);
    world.renders = false;
    open(&mut world, Some(0));
    world.rest();
    assert_eq!(world.forms, [Form::Delta, Form::Png]);
    assert_eq!(world.received_file(), Some(&picture(1)));
}

#[test]
fn a_picture_in_an_own_cover_travels_whole() {
    let mut world = World::new(1);
    open(&mut world, None);
    world.rest();
    assert_eq!(world.forms, [Form::Png]);
    assert_eq!(world.received_file(), Some(&picture(1)));
}

#[test]
fn a_delta_from_anybody_but_the_owner_is_not_worked_on() {
    let mut world = World::new(1);
    world.online = false;
    open(&mut world, Some(0));
    world.settle();
    let input = Input::PictureArrived {
        from: user(7),
        grant: grant_id(),
        form: Form::Delta,
        body: Bytes::from_static(b"delta of something"),
    };
    let mut out = Outbox::new();
    world.nodes[BOB].machine.handle(world.now, input, &mut out);
    assert_eq!(out.take(), []);
}

#[test]
fn a_lost_delta_is_sent_again() {
    let mut world = World::new(1);
    open(&mut world, Some(0));
    while !world.picture(false) {
        let moved = (0..2).any(|who| world.disk(who) || world.input(who));
        if !moved {
            world.any_letter();
            world.pass(100);
        }
    }
    world.rest();
    assert_eq!(world.received_file(), Some(&picture(1)));
    assert!(world.forms.len() > 1);
}

#[test]
fn attempts_at_one_delivery_have_one_number_and_the_next_delivery_has_another() {
    let mut world = World::new(1);
    open(&mut world, Some(0));
    while !world.picture(false) {
        let moved = (0..2).any(|who| world.disk(who) || world.input(who));
        if !moved {
            world.any_letter();
            world.pass(100);
        }
    }
    world.rest();
    let first = world.numbers.clone();
    assert!(first.len() > 1 && first.iter().all(|number| *number == first[0]));
    world.look();
    world.rest();
    world.adjust(Change::Add(1));
    world.rest();
    assert_eq!(world.received_file(), Some(&picture(1)));
    assert!(world.numbers.len() > first.len());
    assert!(!first.contains(world.numbers.last().expect("another sending")));
}
