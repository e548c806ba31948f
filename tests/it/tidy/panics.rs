//! What the environment decides never ends the program: no line of it panics by its own word.

use super::files;

/// Each ends the program, or prints where nobody may be able to read.
const FORBIDDEN: [&str; 11] = [
    "assert!(",
    "assert_eq!(",
    "assert_ne!(",
    "panic!(",
    "unreachable!(",
    "todo!(",
    "unimplemented!(",
    ".unwrap()",
    "println!(",
    " eprint!(",
    " print!(",
];

#[test]
fn nothing_in_the_program_panics_by_its_own_word() {
    for file in files("src").iter().filter(|file| file.path.ends_with(".rs")) {
        let program = file.text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in program.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let found = FORBIDDEN.iter().find(|word| code.contains(**word) && !code.contains("debug_assert"));
            assert_eq!(found, None, "{}:{}: {line}", file.path, number + 1);
        }
    }
}
