import CKernels
import Foundation
import Synchronization
import XCTest

/// Sleeping on a number in memory and being woken.
final class SleepTests: XCTestCase {
  private func withNumber(
    _ body: (UnsafeMutablePointer<Atomic<UInt64>>, UnsafePointer<UInt64>) -> Void
  ) {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)
    defer { memory.deallocate() }
    let number = memory.bindMemory(to: Atomic<UInt64>.self, capacity: 1)
    number.initialize(to: Atomic(0))
    body(number, UnsafeRawPointer(memory).assumingMemoryBound(to: UInt64.self))
  }

  func testASleeperIsWoken() {
    withNumber { _, address in
      let hasWoken = DispatchSemaphore(value: 0)
      let bits = UInt(bitPattern: address)
      Thread {
        ck_sleep_while(UnsafePointer<UInt64>(bitPattern: bits), 0, 600_000_000_000)
        hasWoken.signal()
      }.start()
      var tries = 0
      // Not asleep yet, it cannot be woken; the number stays, so that nothing else ends its sleep.
      repeat {
        ck_wake(address)
        tries += 1
      } while hasWoken.wait(timeout: .now() + 0.05) == .timedOut && tries < 200
      XCTAssertLessThan(tries, 200, "the sleeper was not woken")
    }
  }

  func testNobodySleepsOnANumberThatHasChanged() {
    withNumber { number, address in
      number.pointee.store(1, ordering: .releasing)
      let hasReturned = DispatchSemaphore(value: 0)
      let bits = UInt(bitPattern: address)
      Thread {
        ck_sleep_while(UnsafePointer<UInt64>(bitPattern: bits), 0, 600_000_000_000)
        hasReturned.signal()
      }.start()
      XCTAssertEqual(hasReturned.wait(timeout: .now() + 20), .success, "it sleeps")
    }
  }
}
