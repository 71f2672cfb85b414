import OCI
import Testing

@testable import Sync

/// What a run knows of who keeps the lists of referrers at its targets.
@Suite(.timeLimit(.minutes(1)))
struct ReferrerIndexesTests {
    @Test("What a registry has said itself outlasts an older answer that arrives later")
    func registryHasSaid() throws {
        let (indexes, target) = (ReferrerIndexes(), try RepositoryReference("127.0.0.1/app"))
        indexes.note(.tags, of: target)
        #expect(indexes.keeper(of: target) == .tags)
        indexes.note(.registry, of: target)
        indexes.note(.tags, of: target)
        #expect(indexes.keeper(of: target) == .registry)
    }
}
