//! The table macro: from one list of concerns and edges come the `To` enum, the machines as the
//! simulator drives them, and the mailboxes as actix does. So the two drivers cannot differ.

/// Declares the concerns and edges of a role. See `node::server` for its use.
///
/// Makes, in the module where it is called:
/// - `enum To`: every place that can receive something;
/// - `struct Machines`: all machines, with `handle`, `deadline` and `on_deadline` for a driver that
///   has no mailboxes; what is for an edge comes back in a list;
/// - `struct Mailboxes`: the address of every concern and edge, which is the role's [`Post`];
/// - `struct Edges`: the recipients of the edges, to be filled in at start;
/// - `fn spawn`: starts every machine in its shell.
///
/// The module supplies `fn trail(&To)`, which logs what is worth following.
///
/// [`Post`]: super::shell::Post
macro_rules! concerns {
    (
        concerns { $(
            $(#[$doc:meta])*
            $Name:ident: $field:ident: $module:ident::$Machine:ident, mailbox $size:literal;
        )* }
        edges { $( $(#[$edge_doc:meta])* $Edge:ident: $edge:ident: $Order:ty; )* }
    ) => {
        /// Every place in a node of this role that can receive something.
        #[derive(Debug)]
        pub enum To {
            $( $(#[$doc])* $Name($crate::actors::$module::Input), )*
            $( $(#[$edge_doc])* $Edge($Order), )*
        }

        /// All machines of a node of this role.
        pub struct Machines {
            $( $(#[$doc])* pub $field: $crate::actors::$module::$Machine, )*
        }

        impl Machines {
            /// Carries a message to its machine and all that follows from it to theirs. What is for
            /// an edge is added to `edges`, in order.
            pub fn handle(&mut self, now: $crate::time::Moment, to: To, edges: &mut Vec<To>) {
                let mut queue = std::collections::VecDeque::from([to]);
                while let Some(to) = queue.pop_front() {
                    let mut routed = Vec::new();
                    match to {
                        $( To::$Name(input) => {
                            let mut out = $crate::actors::machine::Outbox::new();
                            $crate::actors::machine::Machine::handle(
                                &mut self.$field, now, input, &mut out,
                            );
                            for order in out.drain() {
                                <Mailboxes as $crate::node::shell::Arrows<_>>::route(
                                    order, &mut routed,
                                );
                            }
                        } )*
                        $( To::$Edge(_) => edges.push(to), )*
                    }
                    queue.extend(routed);
                }
            }

            /// When the first machine wants to be called.
            #[must_use]
            pub fn deadline(&self) -> Option<$crate::time::Moment> {
                let mut first = None;
                $( first = $crate::actors::machine::earliest(
                    first, $crate::actors::machine::Machine::deadline(&self.$field),
                ); )*
                first
            }

            /// Calls every machine whose deadline has come, and carries on what follows.
            pub fn on_deadline(&mut self, now: $crate::time::Moment, edges: &mut Vec<To>) {
                let mut routed = Vec::new();
                $( if $crate::actors::machine::Machine::deadline(&self.$field)
                    .is_some_and(|deadline| deadline <= now)
                {
                    let mut out = $crate::actors::machine::Outbox::new();
                    $crate::actors::machine::Machine::on_deadline(
                        &mut self.$field, now, &mut out,
                    );
                    for order in out.drain() {
                        <Mailboxes as $crate::node::shell::Arrows<_>>::route(order, &mut routed);
                    }
                } )*
                for to in routed {
                    self.handle(now, to, edges);
                }
            }
        }

        /// The recipients of the edges.
        pub struct Edges {
            $( $(#[$edge_doc])* pub $edge: actix::Recipient<$crate::node::shell::In<$Order>>, )*
        }

        /// The address of every concern and edge.
        pub struct Mailboxes {
            $( $field: actix::Addr<
                $crate::node::shell::Shell<$crate::actors::$module::$Machine, Self>,
            >, )*
            edges: Edges,
        }

        impl $crate::node::shell::Post for Mailboxes {
            type To = To;

            fn deliver(&self, to: To) {
                trail(&to);
                match to {
                    $( To::$Name(input) => $crate::node::shell::post(
                        stringify!($field),
                        self.$field.try_send($crate::node::shell::In(input)),
                    ), )*
                    $( To::$Edge(order) => $crate::node::shell::post(
                        stringify!($edge),
                        self.edges.$edge.try_send($crate::node::shell::In(order)),
                    ), )*
                }
            }
        }

        /// Starts every machine in its shell. All contexts exist before the first machine runs, so
        /// every address is known to all.
        #[must_use]
        pub fn spawn(
            machines: Machines,
            edges: Edges,
            clock: $crate::node::clock::Clock,
        ) -> std::rc::Rc<Mailboxes> {
            $(
                let mut $field = actix::Context::<
                    $crate::node::shell::Shell<$crate::actors::$module::$Machine, Mailboxes>,
                >::new();
                $field.set_mailbox_capacity($size);
            )*
            let post = std::rc::Rc::new(Mailboxes {
                $( $field: actix::AsyncContext::address(&$field), )*
                edges,
            });
            $(
                let _ = $field.run($crate::node::shell::Shell::new(
                    machines.$field, post.clone(), clock,
                ));
            )*
            post
        }
    };
}

pub(crate) use concerns;
