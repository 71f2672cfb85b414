import Testing

@testable import Cache

@Suite(.timeLimit(.minutes(1)))
struct DownloadStateTests {
    @Test("Who comes to wait has what arrived just before, although it is less than he would have")
    func arrivedBefore() async throws {
        let state = DownloadState()
        state.advance(to: 10)
        try await state.wait(for: 1000, some: 0, generation: 0)
        #expect(state.view.arrived == 10)
    }
}
