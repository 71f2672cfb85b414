import OCI
import TestSupport
import Testing

@testable import Sync
@testable import imglife

/// How good the estimate is in the second half of a run of a minute: within a factor of 1.5.
@Suite(.timeLimit(.minutes(10)))
struct EstimateTests {
    /// How fast bytes pass in each tenth of a second, by what it is like.
    struct Course: CustomTestStringConvertible {
        let testDescription: String
        let speed: @Sendable (_ tenth: Int) -> Double
    }

    private static let courses: [Course] =
        [
            Course(testDescription: "steady") { _ in 1 },
            Course(testDescription: "halved after 20 s") { $0 < 200 ? 2 : 1 },
            Course(testDescription: "doubled after 20 s") { $0 < 200 ? 1 : 2 },
            Course(testDescription: "a third after 15 s") { $0 < 150 ? 3 : 1 },
            Course(testDescription: "up and down") { $0 / 20 % 2 == 0 ? 1.6 : 0.4 },
        ]
        + [100, 200, 250, 320, 380].map { start in
            Course(testDescription: "nothing for 5 s after \(start / 10) s") {
                (start..<start + 50).contains($0) ? 0 : 1
            }
        }

    /// What has passed after each tenth of a second.
    private static func passed(_ course: Course, of total: Int64) -> [Int64] {
        let speeds = (0..<600).map(course.speed)
        let unit = Double(total) / speeds.reduce(0, +)
        var sum = 0.0
        return speeds.map { speed in
            sum += speed * unit
            return Int64(sum)
        }
    }

    private static func expect(_ snapshots: [SyncProgress.Snapshot], sourceLocation: SourceLocation = #_sourceLocation)
    {
        var pace = Pace()
        for (tenth, snapshot) in snapshots.enumerated() {
            let elapsed = Duration.milliseconds((tenth + 1) * 100)
            pace.add(bytes: snapshot.passedBytes, at: elapsed)
            guard (300..<550).contains(tenth) else { continue }
            let estimate = RemainingTime.estimate(snapshot, elapsed: elapsed, rate: pace.bytesPerSecond)
            let factor = estimate.map { $0 / (.seconds(60) - elapsed) } ?? .nan
            #expect((1 / 1.5...1.5).contains(factor), "\(factor) after \(tenth) tenths", sourceLocation: sourceLocation)
        }
    }

    @Test("Images that come one after the other, with sizes that differ by three", arguments: courses, 1...5)
    func oneByOne(course: Course, seed: UInt64) {
        var random = SplitMix(state: seed)
        let sizes = (0..<60).map { _ in Int64.random(in: 50...150, using: &random) * 100_000 }
        var (finished, before) = (0, Int64(0))
        Self.expect(
            Self.passed(course, of: sizes.reduce(0, +)).map { passed in
                while finished < sizes.count - 1, before + sizes[finished] <= passed {
                    before += sizes[finished]
                    finished += 1
                }
                let transfer = Sample.transfer(1, "a", passed - before, of: sizes[finished])
                var snapshot = Sample.snapshot(tags: sizes.count, finished: finished, transfers: [transfer])
                snapshot.sizedImages = finished + 1
                snapshot.runningImages = 1
                snapshot.imageBytes = before + sizes[finished]
                snapshot.doneBytes = before
                return snapshot
            }
        )
    }

    @Test("Four uploads at a time, each told a mebibyte at a time as the target takes it", arguments: courses)
    func uploads(course: Course) {
        let (count, size) = (24, Int64(40 << 20))
        let progress = SyncProgress()
        progress.expect(entries: 1)
        progress.planned(tags: count)
        var running: [(image: Int, transfer: Int, sent: Int64)] = []
        var (begun, budget, last) = (0, Int64(0), Int64(0))
        Self.expect(
            Self.passed(course, of: Int64(count) * size).map { passed in
                budget += passed - last
                last = passed
                while running.count < 4, begun < count {
                    let image = progress.beginImage(size: size)
                    running.append((image, progress.begin("a", size: size), 0))
                    begun += 1
                }
                while budget >= 1 << 20, !running.isEmpty {
                    budget -= 1 << 20
                    var upload = running.removeFirst()
                    upload.sent += 1 << 20
                    progress.advance(upload.transfer, to: upload.sent, isHeldUp: true)
                    guard upload.sent == size else {
                        running.append(upload)
                        continue
                    }
                    progress.taken(upload.transfer)
                    progress.end(upload.transfer)
                    progress.done(upload.image, size)
                    progress.endImage(upload.image)
                    progress.finished(failed: false)
                }
                return progress.snapshot
            }
        )
    }
}
