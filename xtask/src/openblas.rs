//! What OpenBLAS is on this machine, found out without linking it.

use std::path::PathBuf;
use std::process::Command;

use crate::process;

/// An OpenBLAS that programs find.
pub(crate) struct OpenBlas {
    /// The library itself, its links followed; Debian puts the version into its name.
    pub(crate) library: PathBuf,
    /// The kernels that it picked, by the name of the CPU that they are for.
    pub(crate) core: Option<String>,
}

impl OpenBlas {
    /// Asks the dynamic linker.
    pub(crate) fn find() -> Option<OpenBlas> {
        let library = libraries().into_iter().find(|path| path.ends_with("libopenblas.so.0"))?;
        let core = core_of(&library);
        Some(OpenBlas { library: library.canonicalize().unwrap_or(library), core })
    }

    /// The core to name in `OPENBLAS_CORETYPE` instead of one that wastes this CPU.
    ///
    /// A CPU that is newer than the library is taken for an older one: for a Prescott of 2004 with
    /// 128-bit kernels, or, if it is AMD's with AVX-512, for a Haswell or a Zen with 256-bit ones.
    pub(crate) fn better_core(&self) -> Option<&'static str> {
        const NARROW: [&str; 5] = ["prescott", "core2", "penryn", "nehalem", "generic"];
        const HALF: [&str; 4] = ["sandybridge", "haswell", "zen", "excavator"];
        let core = self.core.as_ref()?.to_lowercase();
        let fitting = fitting_core()?;
        let wasted =
            NARROW.contains(&core.as_str()) || HALF.contains(&core.as_str()) && fitting == WIDEST;
        wasted.then_some(fitting)
    }
}

/// Kernels with 512-bit vectors.
const WIDEST: &str = "SkylakeX";

#[cfg(target_arch = "x86_64")]
fn fitting_core() -> Option<&'static str> {
    use std::arch::is_x86_feature_detected as has;
    if has!("avx512f") && has!("avx512bw") && has!("avx512vl") && has!("avx512dq") {
        Some(WIDEST)
    } else if has!("avx2") && has!("fma") {
        Some("Haswell")
    } else {
        None
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn fitting_core() -> Option<&'static str> {
    None
}

/// Whether programs can be linked with it: the package with the headers is there.
pub(crate) fn can_be_linked() -> bool {
    libraries().iter().any(|path| path.ends_with("libopenblas.so"))
}

/// Gives `OPENBLAS_CORETYPE` to a program that will load OpenBLAS, if it would be slow without, and
/// says so. What the user has set stays.
pub(crate) fn choose_core(command: &mut Command) {
    if std::env::var_os("OPENBLAS_CORETYPE").is_some() {
        return;
    }
    if let Some(openblas) = OpenBlas::find()
        && let Some(better) = openblas.better_core()
    {
        let core = openblas.core.unwrap_or_default();
        process::say(&format!(
            "note: OpenBLAS takes this CPU for a {core}; setting OPENBLAS_CORETYPE={better}, which fits it"
        ));
        command.env("OPENBLAS_CORETYPE", better);
    }
}

/// Every libopenblas in the dynamic linker's cache.
fn libraries() -> Vec<PathBuf> {
    let list = ["ldconfig", "/sbin/ldconfig"]
        .into_iter()
        .find_map(|program| process::output(Command::new(program).arg("-p")))
        .unwrap_or_default();
    let paths = list.lines().filter_map(|line| line.split_once("=> "));
    paths
        .map(|(_, path)| PathBuf::from(path))
        .filter(|path| path.to_string_lossy().contains("libopenblas"))
        .collect()
}

/// Lets a program that does nothing load the library, which with `OPENBLAS_VERBOSE=2` says `Core: ...`
/// while it starts.
fn core_of(library: &std::path::Path) -> Option<String> {
    let output = Command::new("true")
        .env("LD_PRELOAD", library)
        .env("OPENBLAS_VERBOSE", "2")
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    said.lines().find_map(|line| line.strip_prefix("Core: ")).map(|core| core.trim().to_owned())
}
