/// A tar archive that says whatever it is told to, its checksums right.
struct RawTar {
    private(set) var bytes: [UInt8] = []

    /// Adds a member: its name of at most 100 bytes of any value, and the size that its header claims or the field's bytes.
    mutating func add(
        _ name: [UInt8],
        type: Character = "0",
        content: [UInt8] = [],
        size: Int? = nil,
        sizeField: [UInt8]? = nil,
        link: String = ""
    ) {
        var block = [UInt8](repeating: 0, count: 512)
        func put(_ bytes: some Collection<UInt8>, at offset: Int) {
            block.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        }
        put(name.prefix(100), at: 0)
        put("0000644".utf8, at: 100)
        let digits = String(size ?? content.count, radix: 8)
        put(
            sizeField ?? Array((String(repeating: "0", count: max(0, 11 - digits.count)) + digits.suffix(11)).utf8),
            at: 124
        )
        put("00000000000".utf8, at: 136)
        put("        ".utf8, at: 148)
        put([type.asciiValue ?? 0x30], at: 156)
        put(link.utf8.prefix(100), at: 157)
        put("ustar\u{0}00".utf8, at: 257)
        let sum = String(block.reduce(0) { $0 + Int($1) }, radix: 8)
        put((String(repeating: "0", count: 6 - sum.count) + sum + "\u{0} ").utf8, at: 148)
        bytes += block + content + [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
    }

    mutating func add(_ name: String, type: Character = "0", _ content: String = "", link: String = "") {
        add(Array(name.utf8), type: type, content: Array(content.utf8), link: link)
    }

    /// Adds all that there is once more, so that there are so many times of it.
    mutating func repeatAll(_ times: Int) {
        bytes.reserveCapacity(bytes.count * times)
        let all = bytes
        for _ in 1..<times { bytes += all }
    }

    var finished: [UInt8] { bytes + [UInt8](repeating: 0, count: 1024) }
}
