import OCI

extension String {
    /// The text with the line ends that are looked for here, and without the mark that some editors begin a file with.
    ///
    /// A return and a line feed are one character, at which a search for line feeds finds nothing.
    var withPlainLines: String {
        String(withoutByteOrderMark).replacing(#/\r+\n|\r/#.matchingSemantics(.unicodeScalar), with: "\n")
    }
}
