// Opens a gpu: an adapter, all that it offers, and a device on it. Next: device.ts; adapter.ts.

import { describeAdapter, requestAdapter } from '#gpu-provider'
import type { Device } from '../device.ts'
import type { AdapterInfo, AdapterRequest } from './adapter.ts'
import { GpuDevice } from './device.ts'

/** What a GPUDevice may have that kernels make use of, when the adapter has it. */
const WANTED = ['shader-f16', 'subgroups', 'timestamp-query'] as const

/** A device that computes on a gpu. */
export interface Gpu extends Device {
  /** what it computes on */
  readonly adapter: AdapterInfo
  /** Gives everything back; the device and its tensors are of no more use. A process may also just end. */
  close(): void
}

/**
 * Opens a gpu, float32: hardware before software, or what is asked for.
 * @throws UnrolledError, one line with the remedy, when there is no such adapter
 */
export async function gpu(request: AdapterRequest = {}): Promise<Gpu> {
  return openGpu(request)
}

/** The same with its inner parts, for tests and benchmarks. */
export async function openGpu(request: AdapterRequest = {}): Promise<GpuDevice> {
  const adapter = await requestAdapter(request)
  const info = describeAdapter(adapter)
  const limits = adapter.limits
  const gpu = await adapter.requestDevice({
    requiredFeatures: WANTED.filter((feature) => adapter.features.has(feature)),
    requiredLimits: {
      maxBufferSize: limits.maxBufferSize,
      maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
      maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
      maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
      maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
      maxComputeWorkgroupSizeY: limits.maxComputeWorkgroupSizeY,
    },
  })
  return new GpuDevice(gpu, { adapter: info, immediates: hasImmediates(gpu) })
}

/** Whether words can travel in commands here: not yet everywhere. */
function hasImmediates(gpu: GPUDevice): boolean {
  const limits = gpu.limits as { maxImmediateSize?: number }
  return (limits.maxImmediateSize ?? 0) >= 64
}
