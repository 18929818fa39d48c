// Opens a gpu: an adapter, all that it offers, and a device on it. Next: device.ts; adapter.ts.

import { describeAdapter, requestAdapter } from '#gpu-provider'
import type { Device } from '../device.ts'
import type { AdapterRequest } from './adapter.ts'
import { GpuDevice } from './device.ts'

/** What a GPUDevice may have that kernels make use of, when the adapter has it. */
const WANTED = ['shader-f16', 'subgroups', 'timestamp-query'] as const

/**
 * Opens a gpu, float32: hardware before software, or what is asked for.
 * @throws UnrolledError, one line with the remedy, when there is no such adapter
 */
export async function gpu(request: AdapterRequest = {}): Promise<GpuDevice> {
  const adapter = await requestAdapter(request)
  return openOn(adapter, describeAdapter(adapter).name)
}

/** A device on an adapter. */
export async function openOn(adapter: GPUAdapter, name: string): Promise<GpuDevice> {
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
  return new GpuDevice(gpu, { name, immediates: hasImmediates(gpu) })
}

/** Whether words can travel in commands here: not yet everywhere. */
function hasImmediates(gpu: GPUDevice): boolean {
  const limits = gpu.limits as { maxImmediateSize?: number }
  return (limits.maxImmediateSize ?? 0) >= 64
}

export type { Device }
