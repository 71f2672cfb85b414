import NIOCore
import OCI

/// Puts what indexes within an index list in their place, down to the last level.
///
/// An index whose own descriptor names a platform that nobody asked for is not looked into; what it is said to be for
/// holds for those of its manifests that do not say it themselves, and is written into their descriptors. An index that
/// is listed twice is taken once, and one that cannot be had not at all.
struct IndexFlattening {
    /// How many levels of indexes are followed, the outermost included.
    static let maximumDepth = ImageWalk.maximumDepth

    /// None asks for all.
    let platforms: [PlatformPattern]
    /// The indexes that were read, in the order in which they are listed.
    private(set) var documents: [Manifest] = []
    private var seen: Set<Digest> = []
    private var entryCount = 0
    /// Of the descriptors that are put in the place of indexes.
    private var byteCount = 0
    /// Of the indexes that were read.
    private var documentBytes: Int64 = 0

    init(platforms: [PlatformPattern]) {
        self.platforms = platforms
    }

    /// - Returns: the document itself when it lists no index.
    /// - Throws: `DocumentError` beyond a bound; what `read` throws.
    mutating func flatten(
        _ document: Manifest,
        _ index: ImageIndex,
        reading read: (Descriptor) async throws -> Manifest?
    ) async throws -> Manifest {
        var replacements: [Int: [ByteBuffer]] = [:]
        entryCount = index.entries.count
        for (position, entry) in index.entries.enumerated() where entry.descriptor.mediaType.isIndex {
            let level = Level(depth: 1, platform: document.platformText(of: entry))
            replacements[position] = isWanted(entry) ? try await leaves(of: entry, level, reading: read) : []
        }
        return replacements.isEmpty ? document : try document.splicing(replacements, into: index)
    }

    /// Where an index stands.
    private struct Level {
        let depth: Int
        /// The text of the platform that it is said to be for.
        let platform: ByteBuffer?
    }

    private func isWanted(_ entry: ImageIndex.Entry) -> Bool {
        guard !platforms.isEmpty, let platform = entry.platform else { return true }
        return platforms.contains { $0.matches(platform) }
    }

    /// The texts of the descriptors of all that an index within the index lists.
    private mutating func leaves(
        of entry: ImageIndex.Entry,
        _ level: Level,
        reading read: (Descriptor) async throws -> Manifest?
    ) async throws -> [ByteBuffer] {
        guard seen.insert(entry.descriptor.digest).inserted else { return [] }
        guard level.depth < Self.maximumDepth else {
            throw DocumentError(.tooLarge, "indexes are nested deeper than \(Self.maximumDepth) levels")
        }
        documentBytes += entry.descriptor.size
        guard documentBytes <= ImageWalk.maximumBytes else { throw ImageWalk.tooManyBytes }
        guard let document = try await read(entry.descriptor), case .index(let index) = document.content else {
            return []
        }
        documents.append(document)
        entryCount += index.entries.count
        guard entryCount <= ImageWalk.maximumDescriptors else {
            throw DocumentError(.tooLarge, "the image has more than \(ImageWalk.maximumDescriptors) parts")
        }
        var leaves: [ByteBuffer] = []
        for child in index.entries {
            guard child.descriptor.mediaType.isIndex else {
                leaves.append(try leaf(child, of: document, level))
                continue
            }
            guard isWanted(child) else { continue }
            let next = Level(depth: level.depth + 1, platform: document.platformText(of: child) ?? level.platform)
            leaves += try await self.leaves(of: child, next, reading: read)
        }
        return leaves
    }

    private mutating func leaf(
        _ child: ImageIndex.Entry,
        of document: Manifest,
        _ level: Level
    ) throws -> ByteBuffer {
        let text = document.text(of: child, platform: child.descriptor.mediaType.isManifest ? level.platform : nil)
        byteCount += text.readableBytes
        guard byteCount <= Manifest.maximumSize else {
            throw DocumentError(.tooLarge, "the indexes within the index list more than \(Manifest.maximumSize) bytes")
        }
        return text
    }
}
