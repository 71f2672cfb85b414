import NIOCore
import OCI

/// What `index.json` says of what refers to images, for programs that look for it in an image layout: each referrer without
/// a name, and each repository's list under the tag of the "Referrers Tag Schema" (OCI distribution-spec 1.1.1).
///
/// Neither is a name of the cache's. Entries are marked by an annotation, so that they are known again.
struct LayoutReferrers: Sendable {
    /// More of one list would be of no use: nobody reads a larger index.
    private static let limit = 10_000

    /// What one repository lists of one subject, without what would make the list too long.
    struct List: Sendable {
        let location: RepositoryReference
        let subject: Digest
        /// Sorted by digest.
        var referrers: [Descriptor] = []

        /// What its text depends on.
        var key: Digest { ReferrersIndex.key(of: referrers.map(\.digest)) }

        var reference: ImageReference? {
            (try? subject.referrersTag).map { ImageReference(location: location, tag: $0) }
        }
    }

    /// A list that is a blob of the cache.
    struct Stored: Hashable, Sendable {
        let reference: ImageReference
        let key: Digest
        let descriptor: Descriptor
    }

    /// In the text's order.
    var lists: [Stored] = []
    /// Each once, sorted by digest.
    var referrers: [Descriptor] = []

    /// All lists of what has a name or belongs to it, as the index knows them; a name that a tag has already is left to it.
    static func lists(_ index: CacheIndex, besides tags: [TagRow]) async throws -> [List] {
        let start = (lists: [List](), last: ReferrerRows.Entry?.none, search: KeeperSearch(.lasting))
        let limit = 250
        let lists = try await index.readPages(start) { state, db, page in
            while !page.isOver {
                let entries = try db.referrers.entries(after: state.last, limit: limit)
                for entry in entries where try state.search.isKept(db, entry.subject) { add(entry, to: &state.lists) }
                guard entries.count == limit else { return true }
                state.last = entries.last
            }
            return false
        }.lists
        guard !lists.isEmpty else { return [] }
        let names = Set(tags.map(\.reference))
        return lists.compactMap { list in
            guard let reference = list.reference, !names.contains(reference) else { return nil }
            let referrers = list.referrers.sorted { $0.digest < $1.digest }
            return List(location: list.location, subject: list.subject, referrers: referrers)
        }
    }

    private static func add(_ entry: ReferrerRows.Entry, to lists: inout [List]) {
        if lists.last?.location != entry.location || lists.last?.subject != entry.subject {
            lists.append(List(location: entry.location, subject: entry.subject))
        }
        let last = lists.count - 1
        guard lists[last].referrers.count < limit else { return }
        lists[last].referrers.append(entry.referrer)
    }
}

extension LayoutReferrers {
    /// The lists' texts as blobs of the cache, made where they are not here yet.
    ///
    /// - Parameters:
    ///   - lists: as ``lists(_:besides:)`` gives them.
    ///   - earlier: what the former `index.json` lists, which need not be made again where it still holds.
    ///   - store: where they become blobs.
    ///   - keep: is told of the lists before they are stored, so that no collection takes them.
    /// - Throws: ``CacheError``; what `keep` throws.
    init(
        _ lists: [List],
        _ earlier: [Stored],
        in store: Store,
        keep: (Set<Digest>) async throws -> Void
    ) async throws {
        let known = Dictionary(earlier.map { ($0.reference, $0) }) { first, _ in first }
        var texts: [(descriptor: Descriptor, text: ByteBuffer)] = []
        for list in lists {
            guard let reference = list.reference else { continue }
            if let old = known[reference], old.key == list.key, try store.blobs.contains(old.descriptor) {
                self.lists.append(old)
                continue
            }
            let text = ReferrersIndex.text(of: try list.referrers.compactMap(store.manifests.manifest))
            let descriptor = Descriptor(mediaType: .ociIndex, bytes: text)
            guard descriptor.size <= Manifest.maximumSize else { continue }
            texts.append((descriptor, text))
            self.lists.append(Stored(reference: reference, key: list.key, descriptor: descriptor))
        }
        let all = Dictionary(lists.flatMap(\.referrers).map { ($0.digest, $0) }) { first, _ in first }
        referrers = all.values.sorted { $0.digest < $1.digest }
        try await keep(Set(self.lists.map(\.descriptor.digest)))
        for (descriptor, text) in texts where try !store.blobs.contains(descriptor) {
            try await store.manifests.storeUnread(descriptor, text)
        }
    }
}
