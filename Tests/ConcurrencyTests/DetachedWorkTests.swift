import Concurrency
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct DetachedWorkTests {
    @Test("What is about one thing leaves room for what is about others, and gives it back")
    func shares() async throws {
        let (work, isOpen) = (DetachedWork(), Watched(false))
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await work.run() }
            let begun = (0..<200).count { _ in work.begin(about: "dead") { try? await isOpen.wait { $0 } } }
            #expect(begun == DetachedWork.share)
            for subject in ["healthy", nil] {
                let isBegun = work.begin(about: subject) { try? await isOpen.wait { $0 } }
                #expect(isBegun)
            }
            isOpen.update { $0 = true }
            while !work.begin(about: "dead", {}) { await Task.yield() }
            work.finish()
        }
    }

    @Test("What nobody would run any more is not begun")
    func late() async throws {
        let work = DetachedWork()
        try await work.accompanying {
        } patience: {
        }
        let isBegun = work.begin {}
        #expect(!isBegun)
    }

    @Test("What is begun by a body that was cancelled ends all the same, within its time", arguments: [true, false])
    func cancelled(endsInTime: Bool) async throws {
        let (work, never, isBegun, isDone) = (DetachedWork(), Watched(false), Watched(false), Watched(false))
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                try? await work.accompanying {
                    // Until the task is cancelled.
                    try? await never.wait { $0 }
                    work.begin {
                        isBegun.update { $0 = true }
                        if !endsInTime { try? await never.wait { $0 } }
                        isDone.update { $0 = !Task.isCancelled }
                    }
                } patience: {
                    if endsInTime { try? await never.wait { $0 } } else { try? await isBegun.wait { $0 } }
                }
            }
            group.cancelAll()
        }
        #expect(isBegun.value)
        #expect(isDone.value == endsInTime)
    }
}
