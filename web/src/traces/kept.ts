/* Requests for what a project keeps of its traces. */
import { queryOptions } from '@tanstack/react-query'
import { api, body } from '../api/client'
import type { Body } from '../api/types'

export type Retention = Body<'/api/v1/traces/retention', 'put'>
export type KeptRetention = Retention & { revision: string }
export type Capture = Body<'/api/v1/traces/capture', 'put'>
export type KeptCapture = Capture & { revision: string }

export const retentionQuery = queryOptions({ queryKey: ['retention'], queryFn: () => body(api.GET('/api/v1/traces/retention')) })
export const captureQuery = queryOptions({ queryKey: ['capture'], queryFn: () => body(api.GET('/api/v1/traces/capture')) })
export const lagQuery = queryOptions({ queryKey: ['lag'], queryFn: () => body(api.GET('/api/v1/traces/lag')), refetchInterval: 10_000 })
