import NIOCore
import NIOPosix
import OCI
import TestSupport
import Testing

@testable import Serve

@Suite(.timeLimit(.minutes(5)))
struct ListenerTests {
    @Test("Nobody can connect while it is found out whether an address can be had")
    func looks() async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let taken = try await ServerBootstrap(group: group).bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(taken.localAddress?.port)
        let address = try #require(ListenAddress("127.0.0.1:\(port)"))
        await #expect(throws: ServerError.self) { try await Listener.check(address, "--listen") }
        try await taken.close().get()
        let isOver = Watched(false)
        try await withThrowingTaskGroup { tasks in
            tasks.addTask {
                for _ in 0..<200 { try await Listener.check(address, "--listen") }
                isOver.update { $0 = true }
            }
            tasks.addTask {
                while !isOver.value {
                    await #expect(throws: (any Error).self) {
                        try await ClientBootstrap(group: group).connect(host: "127.0.0.1", port: port).get().close()
                    }
                }
            }
            try await tasks.waitForAll()
        }
    }
}
