/// Names of an archive that images did not get, and those that they got in their place; packed, for there may be very many.
package struct ReplacedNames: Sendable {
    private var former = NameTexts()
    private var references = NameTexts()

    package init() {}

    mutating func append(_ name: String, by reference: String) {
        former.append(name)
        references.append(reference)
    }
}

extension ReplacedNames: RandomAccessCollection {
    package var startIndex: Int { 0 }
    package var endIndex: Int { former.count }

    /// A name as the archive writes it, and the one that `--as` says.
    package subscript(position: Int) -> (name: String, reference: String) {
        (former[position], references[position])
    }
}
