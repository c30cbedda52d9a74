//! Labs as their users see them: the program itself, on real namespaces, as root or without.

mod capture;
mod cgroups;
mod checks;
mod clab;
mod converge;
mod drivers;
mod files;
mod functions;
mod home;
mod inputs;
mod kill;
mod library;
mod limits;
mod manual;
mod nat;
mod network;
mod partition;
mod probes;
mod process;
mod programs;
mod readme;
mod restart;
mod seeing;
mod soak;
mod stock;
mod wires;
