/// A schedule in flat memory, created once and read by all runs of the schedule.
package final class ScheduleProgram {
  package let schedule: Schedule
  let steps: UnsafeMutablePointer<Schedule.Step>
  let successorStarts: UnsafeMutablePointer<Int32>
  let successors: UnsafeMutablePointer<Int32>
  /// The number of steps that each step waits for at the start of a run.
  let initialWaits: UnsafeMutablePointer<Int32>
  /// The steps that wait for no other step.
  let initialQueue: UnsafeMutablePointer<Int32>
  /// The number of steps that wait for no other step.
  let initiallyReady: Int

  package init(_ schedule: Schedule) {
    self.schedule = schedule
    let count = schedule.steps.count
    steps = .allocate(capacity: count)
    steps.initialize(from: schedule.steps, count: count)
    successorStarts = .allocate(capacity: count + 1)
    successorStarts.initialize(from: schedule.successorStarts, count: count + 1)
    successors = .allocate(capacity: max(schedule.successors.count, 1))
    successors.initialize(from: schedule.successors, count: schedule.successors.count)
    initialWaits = .allocate(capacity: count)
    initialWaits.initialize(from: schedule.dependencyCounts, count: count)
    let roots = schedule.stepsWithoutDependencies
    initiallyReady = roots.count
    initialQueue = .allocate(capacity: max(roots.count, 1))
    initialQueue.initialize(from: roots, count: roots.count)
  }

  deinit {
    steps.deinitialize(count: schedule.steps.count).deallocate()
    successorStarts.deallocate()
    successors.deallocate()
    initialWaits.deallocate()
    initialQueue.deallocate()
  }
}
