import TestSupport
import Testing

@testable import Concurrency

@Suite(.timeLimit(.minutes(1)))
struct DetachedWorkTests {
    @Test("What is about one thing leaves room for what is about others, and gives it back")
    func shares() async throws {
        let (work, isOpen) = (DetachedWork(), Watched(false))
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await work.run() }
            let begun = Watched(["dead": 0, "healthy": 0])
            let begin = { (subject: String) in
                let place = work.beginInTurn(about: subject) {
                    begun.update { $0[subject]? += 1 }
                    try? await isOpen.wait { $0 }
                }
                #expect(place != nil)
            }
            for _ in 0..<200 { begin("dead") }
            begin("healthy")
            try? await begun.wait { $0 == ["dead": DetachedWork.share, "healthy": 1] }
            #expect(work.waiterCount == 200 - DetachedWork.share)
            isOpen.update { $0 = true }
            try? await begun.wait { $0["dead"] == 200 }
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
        #expect(work.beginInTurn(about: "a") {} == nil)
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
