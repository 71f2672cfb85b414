import Cache
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Archive

@Suite(.timeLimit(.minutes(10)))
struct TarHeaderTests {
    private static let hex512 = String(repeating: "0123456789abcdef", count: 8)

    /// A program of Python's own tar reader that prints what it understood.
    private static let reader = """
        import sys, tarfile
        for m in tarfile.open(sys.argv[1], 'r:'):
            print(m.name, m.size, oct(m.mode), m.mtime, m.uid, m.gid, m.type.decode(), m.uname + m.gname)
        """

    /// Writes headers with holes for contents, and has another program read them.
    private static func read(_ headers: [TarHeader], with tool: [String]) async throws -> [String] {
        try await TemporaryDirectory.with { path in
            let file = "\(path)/a.tar"
            var offset: Int64 = 0
            let output = try Directory(path: path).openFile("a.tar", flags: 0o102)
            for header in headers {
                try output.write(header.bytes, at: offset)
                offset += header.totalSize
            }
            try output.truncate(to: offset + TarHeader.endSize)
            return try await Tool.check(tool[0], Array(tool.dropFirst()) + [file]).output
                .split(separator: "\n").map(String.init)
        }
    }

    @Test("Python reads names, lengths and modes as they were meant", .requires(.tool("python3")))
    func python() async throws {
        let headers = [
            TarHeader(name: "oci-layout", kind: .file, size: 30),
            TarHeader(name: "blobs/", kind: .directory, size: 0),
            TarHeader(name: "blobs/sha512/\(Self.hex512)", kind: .file, size: 513),
            TarHeader(name: "parts/sha512/\(Self.hex512)/00000001", kind: .file, size: 512),
            TarHeader(name: "limit", kind: .file, size: TarHeader.maximumPlainSize),
            TarHeader(name: "beyond", kind: .file, size: TarHeader.maximumPlainSize + 1),
            TarHeader(name: "huge", kind: .file, size: 1 << 40),
        ]
        let lines = try await Self.read(headers, with: ["python3", "-c", Self.reader])
        #expect(
            lines == [
                "oci-layout 30 0o444 0 0 0 0 ", "blobs 0 0o755 0 0 0 5 ",
                "blobs/sha512/\(Self.hex512) 513 0o444 0 0 0 0 ",
                "parts/sha512/\(Self.hex512)/00000001 512 0o444 0 0 0 0 ",
                "limit 8589934591 0o444 0 0 0 0 ", "beyond 8589934592 0o444 0 0 0 0 ",
                "huge 1099511627776 0o444 0 0 0 0 ",
            ]
        )
    }

    @Test("GNU tar reads them without a word", .requires(.tool("tar")))
    func gnu() async throws {
        let headers = [
            TarHeader(name: "blobs/sha512/\(Self.hex512)", kind: .file, size: 1),
            TarHeader(name: "beyond", kind: .file, size: TarHeader.maximumPlainSize + 1),
        ]
        let lines = try await Self.read(headers, with: ["tar", "-tvf"])
        #expect(lines.count == 2)
        #expect(lines[0].hasPrefix("-r--r--r-- 0/0 ") && lines[0].hasSuffix(Self.hex512))
        #expect(lines[1].contains(" 8589934592 1970-01-01 "))
    }

    @Test("Only what ustar cannot say costs a PAX record")
    func blocks() {
        let plain = TarHeader(name: String(repeating: "a", count: 100), kind: .file, size: TarHeader.maximumPlainSize)
        #expect(plain.bytes.readableBytes == 512)
        #expect(plain.bytes.getString(at: 124, length: 12) == "77777777777\0")
        #expect(plain.bytes.getString(at: 257, length: 8) == "ustar\u{0}00")
        let large = TarHeader(name: "a", kind: .file, size: TarHeader.maximumPlainSize + 1)
        #expect(large.bytes.readableBytes == 1536)
        #expect(large.bytes.getString(at: 512, length: 20) == "19 size=8589934592\n\0")
        #expect(large.bytes.getString(at: 1024 + 124, length: 11) == "00000000000")
        #expect(large.totalSize == 1536 + (8 << 30))
    }

    @Test(
        "A record's length counts its own digits",
        arguments: [(1, "6 a=1\n"), (89, nil), (90, nil), (91, nil), (990, nil)] as [(Int, String?)]
    )
    func records(count: Int, expected: String?) {
        let record = TarHeader.record("a", String(repeating: "1", count: count))
        #expect(record.split(separator: " ").first.flatMap { Int($0) } == record.utf8.count)
        if let expected { #expect(record == expected) }
    }

    @Test("A header's sum is that of its bytes with blanks in the sum's place")
    func sum() throws {
        var block = TarHeader(name: "index.json", kind: .file, size: 12).bytes
        let text = try #require(block.getString(at: 148, length: 8))
        block.setString("        ", at: 148)
        let sum = block.readableBytesView.reduce(0) { $0 + Int($1) }
        #expect(Int(text.prefix(6), radix: 8) == sum)
        #expect(text.hasSuffix("\0 "))
    }
}
