import NIOCore
import OCI
import Testing

@testable import Archive

@Suite(.timeLimit(.minutes(10)))
struct BlobListTests {
    private static func blob(_ number: Int, _ algorithm: Digest.Algorithm = .sha256) -> ArchiveDocument.Blob {
        .init(digest: .of(ByteBuffer(string: "\(number)"), algorithm: algorithm), size: Int64(number))
    }

    /// Of one algorithm, of the other, of both in two orders.
    static let samples: [[ArchiveDocument.Blob]] = [
        [], [blob(1)], (0..<1000).map { blob($0) }, (0..<100).map { blob($0, .sha512) },
        (0..<300).map { blob($0, $0 % 3 == 0 ? .sha512 : .sha256) }, [blob(1), blob(2), blob(3, .sha512), blob(4)],
    ]

    @Test("It holds what it was given, in that order", arguments: samples)
    func content(_ blobs: [ArchiveDocument.Blob]) {
        let list = BlobList(blobs)
        #expect(Array(list) == blobs)
        #expect(list.totalSize == blobs.reduce(0) { $0 + $1.size })
    }

    @Test("Sorted it is as an array sorted by digest, and finds each", arguments: samples)
    func order(_ blobs: [ArchiveDocument.Blob]) {
        let list = BlobList(blobs).sorted()
        #expect(Array(list) == blobs.sorted { $0.digest < $1.digest })
        #expect(list.isUnique)
        for blob in blobs {
            #expect(list.position(of: blob.digest).map { list[$0] } == blob)
            #expect(list.contains(blob) && !list.contains(.init(digest: blob.digest, size: blob.size + 1)))
        }
        #expect(list.position(of: Self.blob(5000).digest) == nil)
        #expect(list.position(of: Self.blob(5000, .sha512).digest) == nil)
    }

    @Test("What stands twice is told")
    func twice() {
        #expect(!BlobList([Self.blob(1), Self.blob(2), Self.blob(1)]).sorted().isUnique)
    }

    @Test("Sizes that make no sense do not overflow")
    func overflow() {
        let blob = ArchiveDocument.Blob(digest: Self.blob(1).digest, size: .max)
        #expect(BlobList([blob, Self.blob(2)]).totalSize == .max)
    }

    @Test("What was left out keeps its receipt when it is sorted, and more receipts than anybody has are refused")
    func omissions() {
        let omissions = (0..<500).map {
            ArchiveDocument.Omission(blob: Self.blob($0), receipt: Self.blob(10_000 + $0 % 7).digest)
        }
        var list = OmissionList()
        for omission in omissions {
            let isTaken = list.append(omission)
            #expect(isTaken)
        }
        #expect(Array(list) == omissions)
        #expect(Array(list.sorted()) == omissions.sorted { $0.blob.digest < $1.blob.digest })
        let many = (0..<5000).map { ArchiveDocument.Omission(blob: Self.blob($0), receipt: Self.blob($0).digest) }
        let taken = many.count { list.append($0) }
        #expect(taken < 4100)
    }

    @Test("A table has each digest once, where it was put first", arguments: samples)
    func table(_ blobs: [ArchiveDocument.Blob]) {
        var table = BlobTable()
        for (position, blob) in blobs.enumerated() {
            let inserted = table.insert(blob)
            #expect(inserted == (position, true))
        }
        for (position, blob) in blobs.enumerated() {
            let again = table.insert(.init(digest: blob.digest, size: -1))
            #expect(again == (position, false))
            #expect(table.position(of: blob.digest) == position)
        }
        #expect(table.position(of: Self.blob(5000).digest) == nil)
        #expect(Array(table.list) == blobs)
    }
}
