import OCI

/// A product's name as it may stand in a URL's path: `[a-z0-9.-]+` without `..`, at most 128 characters.
package struct ProductName: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    /// - Returns: `nil` for a name that endoflife.date cannot have.
    package init?(_ text: some StringProtocol) {
        let isAllowed: (UInt8) -> Bool = { byte in
            byte.isASCIIDigit || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || ".-".utf8.contains(byte)
        }
        let bytes = Array(text.utf8)
        guard (1...128).contains(bytes.count), bytes.allSatisfy(isAllowed), bytes.contains(where: { $0 != 0x2E }),
            !zip(bytes, bytes.dropFirst()).contains(where: { $0 == 0x2E && $1 == 0x2E })
        else { return nil }
        description = String(text)
    }

    /// The path of its cycles below the service's base URL.
    package var path: String { "/api/\(description).json" }
}
