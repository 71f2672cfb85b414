import Concurrency
import Logging

/// What all questions to upstreams share.
struct QuestionContext: Sendable {
    /// How long an upstream may take before an older answer is given.
    let patience: Duration
    let time: Timer
    let health: HostHealth
    let work: DetachedWork
    let logger: Logger
}
