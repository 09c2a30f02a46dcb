use crate::kernels;

/// An instruction set that the native kernels are compiled for. All give the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Isa {
    /// AVX-512F: 16 lanes in one register.
    Avx512,
    /// AVX2 and FMA: 16 lanes in two registers.
    Avx2,
    /// Plain Rust, which the compiler vectorises for its target: what ARM runs. On x86-64 it is
    /// for tests, as without FMA in the target every `f32::mul_add` is a call.
    Portable,
}

impl Isa {
    /// Every one there is, the fastest first.
    pub const ALL: &[Isa] = &[Isa::Avx512, Isa::Avx2, Isa::Portable];

    /// Those that this CPU has, the fastest first.
    pub fn available() -> impl Iterator<Item = Isa> {
        Isa::ALL.iter().copied().filter(|isa| isa.is_available())
    }

    /// The fastest that this CPU has.
    pub fn detect() -> Isa {
        Isa::available().next().unwrap_or(Isa::Portable)
    }

    /// Whether this CPU has it.
    pub fn is_available(self) -> bool {
        kernels::is_available(self)
    }

    /// The name on a command line: `avx512`, `avx2`, `portable`.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Avx512 => "avx512",
            Isa::Avx2 => "avx2",
            Isa::Portable => "portable",
        }
    }

    /// The one of that [`Isa::name`].
    pub fn from_name(name: &str) -> Option<Isa> {
        Isa::ALL.iter().copied().find(|isa| isa.name() == name)
    }
}
