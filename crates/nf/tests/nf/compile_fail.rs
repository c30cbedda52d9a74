//! What must not compile: the borrow checker keeps an NF from using a packet that is not its own any more.

#[test]
fn misuse_of_a_packet_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
