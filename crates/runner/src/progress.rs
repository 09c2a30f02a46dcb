/// How far a long piece of work has come, for whoever shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// How many parts are done.
    pub done: usize,
    /// How many there are.
    pub total: usize,
    /// What comes now.
    pub now: &'a str,
}

/// Is told of each part before it begins. `&mut |_| {}` does not listen.
pub type Watch<'a> = &'a mut dyn FnMut(Progress<'_>);
