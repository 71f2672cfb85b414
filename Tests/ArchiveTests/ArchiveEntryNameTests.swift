import Archive
import Cache
import OCI
import Testing

@Suite(.timeLimit(.minutes(10)))
struct ArchiveEntryNameTests {
    private static let hex = String(repeating: "0123456789abcdef", count: 4)

    @Test(
        "Names of the format are accepted and written as they were read",
        arguments: [
            "oci-layout", "index.json", "manifest.json", "repositories", "imglife.json", "blobs", "blobs/sha256",
            "blobs/sha512", "blobs/sha256/\(hex)", "blobs/sha512/\(hex)\(hex)", "parts", "parts/sha256",
            "parts/sha256/\(hex)", "parts/sha256/\(hex)/00000000", "parts/sha512/\(hex)\(hex)/99999999",
        ]
    )
    func accepted(name: String) throws {
        #expect(try "\(ArchiveEntryName(name))" == name)
        #expect(try ArchiveEntryName("./\(name)") == ArchiveEntryName(name))
    }

    @Test("A directory may end with a slash, a file may not")
    func slash() throws {
        #expect(try ArchiveEntryName("blobs/sha256/") == .directory("blobs/sha256"))
        #expect(try ArchiveEntryName("./") == .directory("."))
        #expect(throws: DocumentError.self) { try ArchiveEntryName("index.json/") }
        #expect(throws: DocumentError.self) { try ArchiveEntryName("blobs/sha256/\(Self.hex)/") }
    }

    @Test(
        "Everything else is refused",
        arguments: [
            "", "/", "..", "../index.json", "/index.json", "././index.json", ".//index.json", "Index.json",
            "index.json\0", "index.json ", " index.json", "blobs/../index.json", "blobs//sha256", "blobs/sha256//",
            "blobs/sha1/\(hex)", "blobs/sha256/\(hex)0", "blobs/sha256/\(hex.uppercased())", "blobs/sha512/\(hex)",
            "blobs/sha256/../sha256/\(hex)", "blobs\\sha256\\\(hex)", "blobs/sha256/\(hex)/x", "blob", "layer.tar",
            "parts/sha256/\(hex)/0", "parts/sha256/\(hex)/000000000", "parts/sha256/\(hex)/+0000000",
            "parts/sha256/\(hex)/00000000/", "parts/sha256/\(hex)/٠0000000", "índex.json",
        ]
    )
    func refused(name: String) {
        #expect(throws: DocumentError.self) { try ArchiveEntryName(name) }
    }
}
