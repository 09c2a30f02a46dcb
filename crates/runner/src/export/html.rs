mod chart;
mod figures;
mod heat;
mod page;
mod proofs;
mod tables;

pub use page::html;
