import Concurrency
import OCI
import Synchronization

/// Whether a host's HEAD is believed that a tag is a single image.
///
/// A front end that loses the list types of `Accept` on HEAD names one image of an index, of every index and for ever.
final class HeadWord: Sendable {
    private enum Standing {
        case unheard
        /// GET gave the image that HEAD named, or did not answer where HEAD did.
        case agrees
        case namesIndexes
        /// GET gave an index where HEAD named an image.
        case namesParts
    }

    private enum Key { case host }

    private let standing = Mutex(Standing.unheard)
    /// Who doubts alone reads at first: what it finds may spare all others the question.
    private let first: FirstWord<Key>

    /// `timer` tells for how long others wait for the first one's reading.
    init(_ timer: Timer) {
        first = FirstWord(timer, patience: .seconds(5))
    }

    /// Whether HEAD has named an index, so that it is right of everything.
    var namesIndexes: Bool { standing.withLock { $0 == .namesIndexes } }

    func heardIndex() { standing.withLock { $0 = .namesIndexes } }

    /// Reads what a tag is where HEAD is not believed that it is the image that was told.
    ///
    /// - Returns: `nil` where it is believed, or nothing is given.
    /// - Throws: what `read` throws where the tag is known to have been an index: HEAD is not believed at all then.
    func reading(
        instead told: Descriptor,
        _ doubt: TagDoubt,
        _ read: () async throws -> Manifest?
    ) async throws -> Manifest? {
        guard isRead(doubt) else { return nil }
        guard doubt != .likely else { return note(try await read(), told) }
        guard let turn = try await first.wait(for: .host) else {
            return standing.withLock({ $0 == .namesParts }) ? note(try await read(), told) : nil
        }
        do {
            let given = note(try await read(), told)
            first.heard(.host)
            return given
        } catch {
            guard !Task.isCancelled else {
                first.leave(turn)
                throw error
            }
            // Some refuse what they count, or are away for it, and tell by HEAD all the same.
            standing.withLock { if $0 == .unheard { $0 = .agrees } }
            first.heard(.host)
            return nil
        }
    }

    private func isRead(_ doubt: TagDoubt) -> Bool {
        switch (standing.withLock { $0 }, doubt) {
        case (.namesIndexes, _), (.agrees, .possible), (.unheard, .unlikely), (.agrees, .unlikely): false
        case (.namesParts, _), (_, .likely), (.unheard, .possible): true
        }
    }

    private func note(_ given: Manifest?, _ told: Descriptor) -> Manifest? {
        standing.withLock { standing in
            if given?.descriptor.mediaType.isIndex == true {
                standing = .namesParts
            } else if standing == .unheard, given?.descriptor.digest == told.digest {
                standing = .agrees
            }
        }
        return given
    }
}
