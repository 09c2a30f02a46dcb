mod chart;
mod comparison;
mod figures;
mod heat;
mod page;
mod proofs;
mod tables;

pub use page::html;
