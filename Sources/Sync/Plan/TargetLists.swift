import Concurrency
import OCI

/// What the targets' lists of tags say of tags that HEAD does not know; the beginning of each list is asked for once.
///
/// All that is wanted in a repository is planned before anything is pushed there, so what is heard holds for so long.
struct TargetLists: Sendable {
    private struct Beginning: Sendable {
        let names: Set<TagName>
        /// Whether what neither it nor HEAD knows is not there.
        let isEnough: Bool
    }

    private let beginnings = SingleFlight<RepositoryReference, Knowledge<Beginning?>>()

    /// Whether a tag that HEAD does not know may be there all the same; `nil` where there is no such repository.
    func mayHave(_ tag: TagName, at target: any ImageTarget) async throws -> Knowledge<Bool?> {
        let ask = { try await target.asking { try await Self.beginning(at: $0) } }
        let heard = try await beginnings.value(for: target.location, isGood: { _ in true }, fetch: ask)
        switch heard {
        case .known(let beginning): return .known(beginning.map { $0.names.contains(tag) || !$0.isEnough })
        case .unknown(let error): return .unknown(error)
        }
    }

    private static func beginning(at target: any ImageTarget) async throws -> Beginning? {
        guard let first = try await target.firstTags() else { return nil }
        var isEnough = first.areAll
        // Of a long list one tag that is there tells whether HEAD knows any.
        if !isEnough, let name = first.names.first,
            case .known(_?) = try await target.asking({ try await $0.resolve(.tag(name)) })
        {
            isEnough = true
        }
        return Beginning(names: Set(first.names), isEnough: isEnough)
    }
}
