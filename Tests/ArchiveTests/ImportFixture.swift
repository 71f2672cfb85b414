import Archive
import Cache
import FoundationEssentials
import NIOCore
import OCI
import TestSupport

/// Archives that imglife writes, in small: what the exporting side promises.
struct ArchiveSample {
    let images: [(image: SampleImage, name: String)]

    var parts: [SampleImage.Part] {
        var seen: Set<Digest> = []
        return images.flatMap { $0.image.blobs + $0.image.manifests }
            .filter { seen.insert($0.descriptor.digest).inserted }
            .sorted { $0.descriptor.digest < $1.descriptor.digest }
    }

    private var listed: [ArchiveDocument.Image] {
        get throws {
            try images.map { .init(reference: try ImageReference($0.name), descriptor: $0.image.top) }
        }
    }

    static func blob(_ part: SampleImage.Part) -> ArchiveDocument.Blob {
        .init(digest: part.descriptor.digest, size: part.descriptor.size)
    }

    /// One archive, with blobs left out because of a receipt.
    func archive(
        without omitted: Set<Digest> = [],
        receipt: Digest? = nil,
        key: ArchiveSigningKey? = nil
    ) throws -> ByteBuffer {
        let kept = parts.filter { !omitted.contains($0.descriptor.digest) }
        var document = try ArchiveDocument(
            images: ImageList(listed),
            blobs: kept.map(Self.blob),
            omitted: OmissionList(
                parts.filter { omitted.contains($0.descriptor.digest) }.compactMap { part in
                    receipt.map { .init(blob: Self.blob(part), receipt: $0) }
                }
            )
        )
        try key?.sign(&document)
        var tar = try head(document)
        for part in kept { tar.add(part) }
        return tar.finished
    }

    /// A volume for each group of blobs; blobs with cuts are split there into parts, a volume each.
    func volumes(_ groups: [[Digest]], splitting split: [Digest: [Int]] = [:]) throws -> [ByteBuffer] {
        let all = parts
        let count = groups.count + split.values.reduce(0) { $0 + $1.count + 1 }
        let set = try ArchiveStatement.set(
            images: ImageList(listed),
            referrers: [],
            blobs: all.map(Self.blob),
            omitted: [],
            volumes: Array(repeating: (0, []), count: count)
        )
        var result: [ByteBuffer] = []
        func volume() -> ArchiveDocument.Volume { .init(number: result.count + 1, count: count, set: set) }
        for group in groups {
            let members = all.filter { group.contains($0.descriptor.digest) }
            var tar = try head(ArchiveDocument(images: listed, blobs: members.map(Self.blob), volume: volume()))
            for part in members { tar.add(part) }
            result.append(tar.finished)
        }
        for whole in all {
            guard let cuts = split[whole.descriptor.digest] else { continue }
            let edges = [0] + cuts + [Int(whole.descriptor.size)]
            for (index, (start, end)) in zip(edges, edges.dropFirst()).enumerated() {
                let bytes = whole.source.read(at: start, count: end - start)
                let part = ArchiveDocument.Part(
                    blob: Self.blob(whole),
                    index: index,
                    offset: Int64(start),
                    length: Int64(end - start),
                    digest: .of(bytes)
                )
                var tar = try head(ArchiveDocument(images: listed, blobs: [], parts: [part], volume: volume()))
                tar.add("\(part.name)", Array(bytes.readableBytesView))
                result.append(tar.finished)
            }
        }
        return result
    }

    private func head(_ document: ArchiveDocument) throws -> TestTar {
        var tar = TestTar()
        tar.add("oci-layout", text: TestTar.marker)
        tar.add("imglife.json", text: String(buffer: document.encoded))
        tar.add("index.json", text: TestTar.index(images.map { ($0.image.top, $0.name) }))
        return tar
    }
}

extension TestTar {
    mutating func add(_ part: SampleImage.Part) {
        add(Self.name(part.descriptor.digest), Array(part.source.buffer.readableBytesView))
    }
}

extension ContentCache {
    /// Imports an archive at hand, from a file beside the cache.
    @discardableResult
    func importing(
        _ bytes: ByteBuffer,
        at path: String,
        _ change: (inout ImportOptions) -> Void = { _ in }
    ) async throws -> ImportReport {
        var options = ImportOptions()
        change(&options)
        try Files.write(bytes, to: "\(path).tar")
        return try await ArchiveImporter(self).run(.path("\(path).tar"), options)
    }

    /// The digests of all tags, by reference.
    func tagged() async throws -> [String: Digest] {
        var result: [String: Digest] = [:]
        for location in try await names.locations() {
            for (tag, descriptor) in try await names.tags(of: location) {
                result["\(location):\(tag)"] = descriptor.digest
            }
        }
        return result
    }
}

/// A clock on the wall that a test sets.
final class WallClock: Sendable {
    private let time = Watched<Int64>(1_800_000_000)

    var now: @Sendable () -> Int64 { { [time] in time.value } }

    func advance(days: Int64) { time.update { $0 += days * 24 * 3600 } }
}
