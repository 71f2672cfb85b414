import Cache
import FoundationEssentials
import OCI
import TestSupport
import Testing

@testable import Registry
@testable import Sync

/// What other programs are told that a failure is.
@Suite(.timeLimit(.minutes(1)))
struct FailureCodeTests {
    private static let place = RepositoryReference(host: "registry.example.com", repository: "app")
    private static let image = ImageReference(location: place, tag: "v1")

    @Test(
        "Each kind of a registry's failure has its code",
        arguments: [
            (.unauthorized, .unauthorized), (.forbidden, .forbidden), (.notFound, .notFound),
            (.blobUnknown([]), .notFound), (.uploadLost, .notFound), (.rateLimited(until: .distantPast), .rateLimited),
            (.unavailable, .unavailable), (.timeout, .timeout), (.connection(.certificate), .certificate),
            (.connection(.tls), .certificate), (.connection(.alert), .certificate),
            (.connection(.refused), .connection),
            (.connection(.unknownHost), .connection), (.protocolViolation, .invalidContent),
            (.digestMismatch, .digestMismatch), (.tooLarge, .rejected), (.unsupported, .rejected),
            (.rejected, .rejected), (.configuration, .configuration),
        ] as [(RegistryError.Kind, FailureCode)]
    )
    func registries(kind: RegistryError.Kind, code: FailureCode) {
        #expect(FailureCode(RegistryError(kind: kind, action: .readBlob, location: Self.place, detail: "")) == code)
    }

    private static let others: [(any Error, FailureCode)] = [
        (CopyError(.missingTag(.tag("v1"), place)), .notFound), (CopyError(.missingRepository(place)), .notFound),
        (CopyError(.notInCache(.tag("v1"), place)), .notFound), (CopyError(.nothingInCache(place)), .notFound),
        (CopyError(.noPlatform(wanted: [], offered: [])), .noPlatform),
        (CopyError(.referrer("a", subject: SampleImage.image().digest, reason: "b")), .referrer),
        (CopyError(.tooManyReferrers), .referrer), (CopyError(.imageInPlaceOfList(image)), .referrer),
        (CacheError(.diskFull, "write", "no room"), .cache),
        (DocumentError(.digestMismatch, ""), .digestMismatch), (DocumentError(.structure, ""), .invalidContent),
        (DocumentError(.tooLarge, ""), .invalidContent), (MissingTagError(source: place, tag: "v1"), .notFound),
        (TargetCollision(target: image, sources: []), .conflict), (CancellationError(), .other),
    ]

    @Test("So has each other failure")
    func others() {
        for (error, code) in Self.others { #expect(FailureCode(error) == code, "\(error)") }
    }
}
