extension StringProtocol {
    /// The text without the mark that some editors begin a file with.
    package var withoutByteOrderMark: SubSequence { hasPrefix("\u{FEFF}") ? dropFirst() : self[...] }
}
